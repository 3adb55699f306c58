/* NumPy's archives of arrays (numpy.savez, numpy.savez_compressed): a zip archive whose member NAME.npy is the array NAME. Needs zlib;
 * without it all is ATTN_EUNSUPPORTED. What is refused is said in io/zip.h and io/npy.h. */
#ifndef ATTN_IO_NPZ_H
#define ATTN_IO_NPZ_H

#include "io/npy.h"
#include "io/safetensors.h"
#include "io/zip.h"

/* An archive that stays open while its arrays are read. */
struct attn_npz {
    struct attn_file file;
    struct attn_zip zip;
    char path[ATTN_FILE_PATH];
};
attn_status attn_npz_open(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_npz *out);
/* An array by its name, without .npy; one that is not there is ATTN_EINVAL with the names that are. */
attn_status attn_npz_take(attn_ctx *ctx, const struct attn_npz *npz, const char *name, struct attn_npy *out);
void attn_npz_close(attn_ctx *ctx, struct attn_npz *npz);

/* Writes arrays into a writer that was begun, stored or deflated; the caller syncs and commits. Names must differ and be plain. ATTN_EINVAL:
 * an array of bfloat16, which .npy has not; more than 65,534 arrays, or 4 GiB in all (safetensors files hold more). */
attn_status attn_npz_write(attn_ctx *ctx, struct attn_file_writer *writer, const struct attn_safetensors_source *arrays, int count,
                           bool deflate);

#endif
