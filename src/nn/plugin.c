/* Mixers from shared objects. */
#include "nn/model.h"

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static attn_status refuse(attn_ctx *ctx, const char *path, const char *what) {
    return attn_fail(ctx, ATTN_EINVAL, "plugin %s: %s", path, what);
}

static bool is_taken(const attn_plugin *plugin, int index) {
    const char *name = plugin->mixers[index]->name;
    for (int i = 0; i < attn_mixer_count(); i++)
        if (strcmp(attn_mixer_at(i)->name, name) == 0) return true;
    for (int i = 0; i < index; i++)
        if (strcmp(plugin->mixers[i]->name, name) == 0) return true;
    return false;
}

/* Texts of mixers are cut at these characters. */
static bool is_word(const char *name) {
    return name && *name && strcspn(name, ":+=") == strlen(name);
}

static bool has_options(const attn_mixer_kind *kind) {
    if (kind->option_count < 0 || (kind->option_count > 0 && !kind->options)) return false;
    for (int i = 0; i < kind->option_count; i++)
        if (!is_word(kind->options[i].name) || !kind->options[i].meaning) return false;
    return true;
}

/* A default is not checked where it is used. */
static attn_status check_defaults(attn_ctx *ctx, const char *path, const attn_mixer_kind *kind) {
    for (int i = 0; i < kind->option_count; i++) {
        const attn_mixer_option *o = &kind->options[i];
        double low = o->low, high = o->high;
        if (o->words) {
            low = 0;
            for (high = -1; o->words[(int)high + 1]; high++) {
            }
        }
        if (!(o->value >= low && o->value <= high) || ((o->whole || o->words) && o->value != floor(o->value)))
            return attn_fail(ctx, ATTN_EINVAL, "plugin %s: mixer %s: option %s: found the default %g, expected a %snumber from %g to %g",
                             path, kind->name, o->name, o->value, o->whole || o->words ? "whole " : "", low, high);
    }
    return ATTN_OK;
}

static attn_status check_mixer(attn_ctx *ctx, const char *path, const attn_plugin *plugin, int index) {
    const attn_mixer_kind *kind = plugin->mixers[index];
    if (!kind) return attn_fail(ctx, ATTN_EINVAL, "plugin %s: mixer %d of %d is NULL", path, index, plugin->mixer_count);
    if (kind->size != sizeof *kind)
        return attn_fail(ctx, ATTN_EINVAL, "plugin %s: mixer %d: its size is %zu, expected %zu: sizeof(attn_mixer_kind) of attn %s", path,
                         index, kind->size, sizeof *kind, attn_version_string());
    if (!is_word(kind->name))
        return attn_fail(ctx, ATTN_EINVAL, "plugin %s: mixer %d: its name must be a word without ':', '+' and '='", path, index);
    if (is_taken(plugin, index)) return attn_fail(ctx, ATTN_EINVAL, "plugin %s: there is a mixer '%s' already", path, kind->name);
    if (!kind->summary || !kind->make || !kind->mix || !kind->state_size != !kind->step || !has_options(kind))
        return attn_fail(
            ctx, ATTN_EINVAL,
            "plugin %s: mixer %s: summary, make and mix are needed, state_size with step or neither, and options with names and "
            "meanings",
            path, kind->name);
    return check_defaults(ctx, path, kind);
}

static attn_status check(attn_ctx *ctx, const char *path, const attn_plugin *plugin) {
    if (plugin->size != sizeof *plugin || plugin->version / 100 != ATTN_VERSION / 100)
        return attn_fail(ctx, ATTN_EINVAL, "plugin %s: it was built for another version of attn_train.h; this is %s", path,
                         attn_version_string());
    if (plugin->mixer_count < 1 || !plugin->mixers) return refuse(ctx, path, "it has no mixers");
    for (int i = 0; i < plugin->mixer_count; i++) {
        const attn_status status = check_mixer(ctx, path, plugin, i);
        if (status) return status;
    }
    return ATTN_OK;
}

attn_status attn_plugin_open(attn_ctx *ctx, const char *path, const attn_plugin **out) {
    char beside[4096];
    if (!ctx || !path || !out) return attn_fail(ctx, ATTN_EINVAL, "plugin: context, path and out must not be NULL");
    if (access(path, R_OK) != 0) return refuse(ctx, path, strerror(errno));
    if (!strchr(path, '/')) { /* which the system would look for elsewhere */
        if (strlen(path) + 3 > sizeof beside) return refuse(ctx, path, "the name is too long");
        strcpy(beside, "./");
        strcat(beside, path);
    }
    void *object = dlopen(strchr(path, '/') ? path : beside, RTLD_NOW | RTLD_LOCAL);
    if (!object) return attn_fail(ctx, ATTN_EINVAL, "plugin %s: it cannot be loaded: %s", path, dlerror());
    const attn_plugin *plugin = dlsym(object, "attn_plugin_main");
    const attn_status status = plugin ? check(ctx, path, plugin) : refuse(ctx, path, "it defines no attn_plugin_main (attn_train.h)");
    if (status)
        dlclose(object);
    else
        *out = plugin;
    return status;
}
