/* Streaming attention: a running summary of a signal that never ends, in a few hundred bytes.
 *
 * One learned query looks for loud moments: tokens are (loudness, 1), values the pitch heard then. After each token the stream tells the
 * pitch of what it has heard, weighted by loudness. It is saved in the middle, as a program does before it is moved to another machine,
 * and goes on there as if it had not stopped.
 */
#include <attn.h>
#include <stdio.h>

int main(void) {
    static const float loudness[] = {0, 1, 0, 4, 0, 1, 5, 0}, pitch[] = {50, 55, 52, 80, 51, 54, 90, 53};
    const float query[] = {1, 0};
    attn_ctx *ctx;
    attn_stream_config config;
    attn_stream *stream, *elsewhere;
    float heard;
    if (attn_ctx_create(NULL, &ctx, NULL, 0)) return 1;
    attn_stream_config_init(&config);
    config.heads = 1, config.dim = 2, config.v_dim = 1;
    config.scale = 1, config.q = query;
    if (attn_stream_create(ctx, &config, &stream) || attn_stream_create(ctx, &config, &elsewhere)) return 1;
    for (int t = 0; t < 8; t++) {
        const float k[] = {loudness[t], 1};
        if (t == 4) { /* moved: save here, restore there */
            unsigned char saved[128];
            const size_t bytes = attn_stream_save_bytes(stream);
            if (bytes > sizeof saved || attn_stream_save(stream, saved, bytes)) return 1;
            if (attn_stream_restore(elsewhere, saved, bytes)) return 1;
            printf("moved in %zu bytes\n", bytes);
        }
        if (attn_stream_push(t < 4 ? stream : elsewhere, 1, k, 0, &pitch[t], 0)) return 1;
        if (attn_stream_read(t < 4 ? stream : elsewhere, &heard, NULL)) return 1;
        printf("token %d: pitch %.0f, so far %.2f\n", t, (double)pitch[t], (double)heard);
    }
    attn_stream_destroy(stream);
    attn_stream_destroy(elsewhere);
    attn_ctx_destroy(ctx);
}
