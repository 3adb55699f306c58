/* Pictures of what the arms of an experiment answer. They are of the same questions where the arms have the same data: then their answers stand in one picture. */
#include "base/folder.h"
#include "report/page_claims.h"
#include "report/picture.h"
#include "system/systems.h"
#include "train/work.h"

#include <stdio.h>
#include <string.h>

enum { PICTURES = 3 /* of an arm at most */, ARMS = 4 /* further ones are not shown */ };

/* The arms that have a saved model. */
struct answering {
    attn_ctx *ctx; /* of one thread: answers are one example after the other, for which others would only wait */
    const struct attn_reproduction *r;
    const struct attn_experiment *about;
    int number, count;
    const char *name[ARMS];
    struct attn_saved_model model[ARMS];
};

/* A page is worth having without them: an arm whose model or data cannot be read is passed over. */
static attn_status open_arms(struct answering *a) {
    for (int arm = 0; arm < a->about->arm_count && a->count < ARMS; arm++) {
        char path[ATTN_FILE_PATH];
        const struct attn_arm_result *result = &a->r->result[a->number][arm];
        snprintf(path, sizeof path, "%s/%s", result->folder, ATTN_MODEL_FILE);
        if (!result->folder[0] || !attn_path_exists(path)) continue;
        const attn_status status = attn_work_open_model(a->ctx, attn_task_named, path, NULL, 0, &a->model[a->count]);
        if (status == ATTN_ENOMEM) return status;
        if (!status) a->name[a->count++] = a->about->arms[arm].name;
    }
    return ATTN_OK;
}

static attn_status put_picture(struct attn_page *page, const struct answering *a, int index, struct attn_picture *picture) {
    char name[160] = "", caption[1024] = "";
    /* A matrix has no legend that could name its model. */
    if (picture->cell) attn_append(picture->title, sizeof picture->title, " (%s)", picture->model[0]);
    attn_append(picture->description, sizeof picture->description, " Predicted by");
    for (int i = 0; i < picture->models; i++)
        attn_append(picture->description, sizeof picture->description, "%s %s", i > 0 ? "," : "", picture->model[i]);
    attn_append(picture->description, sizeof picture->description, ".");
    attn_append(caption, sizeof caption, "%s. %s", a->about->title, picture->caption);
    attn_append(name, sizeof name, "%s-%s-%s-picture-%d", a->r->system->name, attn_scale_names[a->r->scale], a->about->name, index + 1);
    return attn_page_picture(page, name, caption, picture);
}

/* Lays a picture over the first of those before it that shows the same, or keeps it as one of its own. */
static attn_status gather(attn_ctx *ctx, struct attn_picture *kept, int *count, struct attn_picture *picture, const char *model) {
    for (int i = 0; i < *count; i++) {
        bool joined;
        const attn_status status = attn_picture_join(ctx, &kept[i], picture, model, &joined);
        if (!status && !joined) continue;
        attn_picture_free(ctx, picture);
        return status;
    }
    attn_picture_name(picture, model);
    kept[(*count)++] = *picture;
    return ATTN_OK;
}

/* Pictures number `index` of all arms; *any: there are some. */
static attn_status put_pictures(struct attn_page *page, struct answering *a, int index, bool *any) {
    struct attn_picture kept[ARMS] = {{.points = 0}};
    attn_status status = ATTN_OK;
    int count = 0;
    for (int i = 0; i < a->count && !status; i++) {
        struct attn_picture picture = {.points = 0};
        const attn_status described = a->about->task->picture(&a->model[i].job, index, &picture);
        if (described == ATTN_ENOMEM) status = described;
        if (described || attn_picture_empty(&picture))
            attn_picture_free(a->ctx, &picture);
        else
            status = gather(a->ctx, kept, &count, &picture, a->name[i]);
    }
    for (int i = 0; i < count && !status; i++) status = put_picture(page, a, index, &kept[i]);
    for (int i = 0; i < count; i++) attn_picture_free(a->ctx, &kept[i]);
    *any = count > 0;
    return status;
}

static attn_status put_all(struct attn_page *page, struct answering *a) {
    attn_status status = open_arms(a);
    bool any = !status;
    for (int i = 0; i < PICTURES && any && !status; i++) status = put_pictures(page, a, i, &any);
    for (int i = 0; i < a->count; i++) attn_work_close_model(&a->model[i]);
    return status;
}

attn_status attn_page_arm_pictures(struct attn_page *page, const struct attn_reproduction *r, int experiment) {
    struct answering a = {.r = r, .about = r->experiment[experiment], .number = experiment};
    attn_ctx_config config;
    char error[512] = "";
    if (!a.about->task->beside || !a.about->task->picture) return ATTN_OK;
    attn_ctx_config_init(&config);
    config.threads = 1;
    attn_status status = attn_ctx_create(&config, &a.ctx, error, sizeof error);
    if (status) return attn_fail(page->ctx, status, "%s", error);
    status = put_all(page, &a);
    if (status == ATTN_ENOMEM) attn_no_memory(page->ctx, "pictures", 0);
    attn_ctx_destroy(a.ctx);
    return status;
}
