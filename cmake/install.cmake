# Installation: headers, libraries, program, manual pages, completions, pkg-config files, CMake package. attn::attn is the shared library and needs nothing
# else; find_package(attn COMPONENTS static) adds attn::static, COMPONENTS train, where the training library was built, attn::train, and COMPONENTS
# mpi, where MPI was found, attn::mpi.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/attn)
file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/include/attn_*.h)
list(FILTER headers EXCLUDE REGEX "attn_(train|model_stream|mpi)") # of a library of its own
list(PREPEND headers ${CMAKE_CURRENT_SOURCE_DIR}/include/attn.h)
install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS attn_shared EXPORT attnTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS attn EXPORT attnStaticTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set_target_properties(attn_shared PROPERTIES EXPORT_NAME attn)
set_target_properties(attn PROPERTIES EXPORT_NAME static)
install(EXPORT attnTargets NAMESPACE attn:: DESTINATION ${package_dir})
install(EXPORT attnStaticTargets NAMESPACE attn:: DESTINATION ${package_dir})
configure_package_config_file(cmake/attnConfig.cmake.in attnConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(attnConfigVersion.cmake COMPATIBILITY SameMajorVersion)
file(RELATIVE_PATH ATTN_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /) # attn.pc finds its prefix from where it lies
configure_file(cmake/attn.pc.in attn.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/attnConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/attnConfigVersion.cmake DESTINATION ${package_dir})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/attn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(TARGET attn_train_shared)
  install(FILES include/attn_train.h include/attn_model_stream.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(TARGETS attn_train_shared EXPORT attnTrainTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  set_target_properties(attn_train_shared PROPERTIES EXPORT_NAME train)
  install(EXPORT attnTrainTargets NAMESPACE attn:: DESTINATION ${package_dir})
  install(FILES $<TARGET_FILE:attn_train> $<TARGET_FILE:attn_io> DESTINATION ${CMAKE_INSTALL_LIBDIR})
  configure_file(cmake/attn_train.pc.in attn_train.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/attn_train.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
if(TARGET attn_mpi_shared)
  install(FILES include/attn_mpi.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(TARGETS attn_mpi_shared EXPORT attnMpiTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  set_target_properties(attn_mpi_shared PROPERTIES EXPORT_NAME mpi)
  install(EXPORT attnMpiTargets NAMESPACE attn:: DESTINATION ${package_dir})
  install(FILES $<TARGET_FILE:attn_mpi> DESTINATION ${CMAKE_INSTALL_LIBDIR})
  configure_file(cmake/attn_mpi.pc.in attn_mpi.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/attn_mpi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
if(TARGET attn_program)
  install(TARGETS attn_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(TARGET attn_mpi_program)
    install(TARGETS attn_mpi_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
  install(FILES docs/attn.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES docs/attn-mask.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
  install(FILES completions/attn.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME attn)
  install(FILES completions/_attn DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()

# libattn.3 is made from the headers, so it cannot say anything else.
add_custom_command(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/libattn.3
  COMMAND awk -f ${CMAKE_CURRENT_SOURCE_DIR}/scripts/make_man3.awk ${CMAKE_CURRENT_SOURCE_DIR}/CHANGELOG.md
    ${headers} > libattn.3
  DEPENDS CHANGELOG.md ${headers} scripts/make_man3.awk VERBATIM)
add_custom_target(attn_man3 ALL DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/libattn.3)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/libattn.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
