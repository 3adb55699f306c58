# libattn_train: src/tape, src/nn, src/train and src/system. Needs a CBLAS and jansson; without them it is left out. attn_train_f64 is the same
# files, but those of one instruction set, with attn_real = double, for the tests of gradients.
find_library(ATTN_CBLAS NAMES openblas cblas)
find_path(ATTN_CBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas ${CMAKE_LIBRARY_ARCHITECTURE} ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-pthread)
if(NOT ATTN_CBLAS OR NOT ATTN_CBLAS_INCLUDE)
  message(STATUS "attn: no CBLAS; libattn_train and the row-panel peer are left out (Debian: libopenblas-dev)")
  return()
endif()
if(NOT ATTN_JANSSON)
  return() # cmake/io.cmake has said so
endif()
file(GLOB_RECURSE train_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}
  src/dist/ranks.c src/tape/*.c src/nn/*.c src/train/*.c src/system/*.c)
attn_choose_isa_files(train_sources)
set(train_sources_f64 ${train_sources}) # vectors are of floats
list(FILTER train_sources_f64 EXCLUDE REGEX "__(avx2|avx512|neon)\\.c$")
set_source_files_properties(src/nn/optimizer.c PROPERTIES COMPILE_OPTIONS -fno-math-errno) # or no loop with a root becomes vectors
add_library(attn_train STATIC ${train_sources})
add_library(attn_train_f64 STATIC ${train_sources_f64})
foreach(name attn_train attn_train_f64)
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>)
  target_include_directories(${name} PRIVATE ${ATTN_CBLAS_INCLUDE})
  target_link_libraries(${name} PUBLIC attn_io attn ${ATTN_CBLAS} ${CMAKE_DL_LIBS} PRIVATE attn_common ${ATTN_PRIVATE_LIBS})
endforeach()
target_compile_definitions(attn_train_f64 PUBLIC ATTN_TRAIN_DOUBLE)

# Transforms for long convolutions. Debian's KissFFT is of float alone; the double build, which only tests link, may take FFTW.
find_path(ATTN_KISSFFT_INCLUDE kiss_fft.h PATH_SUFFIXES kissfft)
find_library(ATTN_KISSFFT NAMES kissfft-float)
find_library(ATTN_KISSFFT_DOUBLE NAMES kissfft-double)
find_path(ATTN_FFTW_INCLUDE fftw3.h)
find_library(ATTN_FFTW NAMES fftw3)
function(attn_train_uses target define include library)
  target_compile_definitions(${target} PRIVATE ${define})
  target_include_directories(${target} SYSTEM PRIVATE ${include})
  target_link_libraries(${target} PRIVATE ${library})
endfunction()
if(ATTN_KISSFFT AND ATTN_KISSFFT_INCLUDE)
  attn_train_uses(attn_train ATTN_HAVE_KISSFFT ${ATTN_KISSFFT_INCLUDE} ${ATTN_KISSFFT})
else()
  message(STATUS "attn: no KissFFT; long convolutions of every length take the direct path (Debian: libkissfft-dev)")
endif()
if(ATTN_KISSFFT_DOUBLE AND ATTN_KISSFFT_INCLUDE)
  attn_train_uses(attn_train_f64 ATTN_HAVE_KISSFFT ${ATTN_KISSFFT_INCLUDE} ${ATTN_KISSFFT_DOUBLE})
elseif(ATTN_FFTW AND ATTN_FFTW_INCLUDE)
  attn_train_uses(attn_train_f64 ATTN_HAVE_FFTW ${ATTN_FFTW_INCLUDE} ${ATTN_FFTW})
endif()

# What hulls and triangulations are compared with.
find_path(ATTN_QHULL_INCLUDE libqhull_r/qhull_ra.h)
find_library(ATTN_QHULL NAMES qhull_r)
if(ATTN_QHULL AND ATTN_QHULL_INCLUDE)
  attn_train_uses(attn_train ATTN_HAVE_QHULL ${ATTN_QHULL_INCLUDE} ${ATTN_QHULL})
  attn_train_uses(attn_train_f64 ATTN_HAVE_QHULL ${ATTN_QHULL_INCLUDE} ${ATTN_QHULL})
else()
  message(STATUS "attn: no Qhull; `attn bench tour` and tests do without it (Debian: libqhull-dev)")
endif()
set_target_properties(attn_train_f64 PROPERTIES EXCLUDE_FROM_ALL ON)

# For programs outside: libattn_train.so holds libattn and src/io too, as they reach into each other; libattn_train.a goes with libattn_io.a and libattn.a.
set_target_properties(attn_io attn_train PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_compile_options(attn_train PRIVATE -fno-semantic-interposition) # or no public function could be inlined
add_library(attn_train_shared SHARED $<TARGET_OBJECTS:attn_objects>)
target_include_directories(attn_train_shared PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>)
target_link_libraries(attn_train_shared PRIVATE attn_train attn_io ${ATTN_PRIVATE_LIBS})
target_link_options(attn_train_shared PRIVATE "LINKER:--whole-archive,$<TARGET_FILE:attn_train>,--no-whole-archive" -Wl,--no-undefined)
set_target_properties(attn_train_shared PROPERTIES OUTPUT_NAME attn_train VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  C_VISIBILITY_PRESET hidden)
set(ATTN_TRAIN_PC_PRIVATE "")
foreach(library IN ITEMS ${ATTN_CBLAS} ${ATTN_KISSFFT} ${ATTN_QHULL} ${ATTN_PNG} ${ATTN_ZLIB} ${ATTN_PCRE2} ${ATTN_JANSSON} ${ATTN_SQLITE})
  if(library) # NOTFOUND is false
    string(APPEND ATTN_TRAIN_PC_PRIVATE " ${library}")
  endif()
endforeach()

# A program that loads plugins: it holds all of the library and shows them its public symbols.
function(attn_export_symbols program library)
  set_target_properties(${program} PROPERTIES ENABLE_EXPORTS ON)
  target_link_options(${program} PRIVATE "LINKER:--whole-archive,$<TARGET_FILE:${library}>,$<TARGET_FILE:attn>,--no-whole-archive")
endfunction()
