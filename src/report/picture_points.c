/* Points and lines. Coordinates are halved before differences are taken, so that none overflows; spreads below `least` are none. */
#include "report/picture_parts.h"

#include <math.h>
#include <string.h>

enum {
    HEIGHT = 430, /* of the frame at most, */
    LOWEST = 130, /* and at least; */
    APART = 240,  /* of a picture whose axes have scales of their own */
    MARGIN = 14,  /* between frame and outermost points */
    RIGHT = 8,
    TOP = 8,
    BELOW = 20, /* the numbers of the axis */
    TITLE = 16, /* a line for an axis' title */
    LEGEND = 24,
    SAMPLE = 30,   /* the line beside a legend's word */
    TICS = 6,      /* at most */
    LABELLED = 150 /* points that may have their numbers at all */
};
static const double least = 1e-290;

struct frame {
    double left, top, width, height;
    double low[2], middle[2]; /* halved */
    double high[2];           /* halved */
    double scale[2];          /* pixels of a half unit */
};

static void extend(struct frame *f, const double *xy, int64_t count) {
    for (int64_t i = 0; i < 2 * count; i++) {
        f->low[i % 2] = fmin(f->low[i % 2], xy[i] / 2);
        f->high[i % 2] = fmax(f->high[i % 2], xy[i] / 2);
    }
}

static double place_x(const struct frame *f, double x) {
    return f->left + f->width / 2 + (x / 2 - f->middle[0]) * f->scale[0];
}

static double place_y(const struct frame *f, double y) {
    return f->top + f->height / 2 - (y / 2 - f->middle[1]) * f->scale[1];
}

/* ------------------------------------------------------------------------------------------------------------- axes */

/* 1, 2 or 5 times a power of ten, at most TICS of which lie between the ends of an axis; 0: the axis has no extent. */
static double step_of(const struct frame *f, int axis) {
    const double spread = 2 * (f->high[axis] - f->low[axis]);
    if (!(spread > least) || !isfinite(spread)) return 0;
    const double power = pow(10, floor(log10(spread / TICS)));
    for (int k = 0; k < 3; k++) {
        const double step = power * (double[]){1, 2, 5}[k];
        if (spread / step <= TICS) return step;
    }
    return 10 * power;
}

/* Tic number k of an axis; false: it lies above its end. */
static bool tic_at(const struct frame *f, int axis, double step, int k, double *value, char text[32]) {
    *value = (ceil(2 * f->low[axis] / step) + k) * step;
    if (fabs(*value) < step / 2) *value = 0;
    snprintf(text, 32, "%.9g", *value);
    return k <= TICS && *value / 2 <= f->high[axis];
}

/* Room for the numbers left of the frame. */
static double left_of(const struct frame *f) {
    const double step = step_of(f, 1);
    size_t letters = 1;
    double value;
    char text[32];
    for (int k = 0; step > 0 && tic_at(f, 1, step, k, &value, text); k++)
        if (strlen(text) > letters) letters = strlen(text);
    return (double)letters * ATTN_PICTURE_LETTER + 11;
}

static void put_axes(FILE *file, const struct frame *f) {
    const double steps[2] = {step_of(f, 0), step_of(f, 1)}, bottom = f->top + f->height;
    double value, end = 0;
    char text[32];
    fprintf(file, "<path d=\"M%.1f %.1fV%.1fH%.1f\" fill=\"none\" stroke=\"rgb(1,2,3)\" stroke-opacity=\"0.45\"/>\n", f->left, f->top,
            bottom, f->left + f->width);
    for (int k = 0; steps[0] > 0 && tic_at(f, 0, steps[0], k, &value, text); k++) {
        const double x = place_x(f, value), half = (double)strlen(text) * ATTN_PICTURE_LETTER / 2;
        fprintf(file, "<path d=\"M%.1f %.1fv4\" stroke=\"rgb(1,2,3)\" stroke-opacity=\"0.45\"/>\n", x, bottom);
        if (x - half < end) continue; /* it would touch the number before */
        attn_picture_text(file, x, bottom + BELOW - 4, "middle", text);
        end = x + half + ATTN_PICTURE_LETTER;
    }
    for (int k = 0; steps[1] > 0 && tic_at(f, 1, steps[1], k, &value, text); k++) {
        const double y = place_y(f, value);
        fprintf(file, "<path d=\"M%.1f %.1fh-4\" stroke=\"rgb(1,2,3)\" stroke-opacity=\"0.45\"/>\n", f->left, y);
        attn_picture_text(file, f->left - 7, y + 4, "end", text);
    }
}

/* The frame's height, and scales: 0 of an axis without extent. */
static void lay_scales(struct frame *f, const struct attn_picture *p, const double spread[2]) {
    const double inner = f->width - 2 * MARGIN;
    f->height = p->apart                                                ? APART
                : spread[1] < spread[0] * (HEIGHT - 2 * MARGIN) / inner ? inner * (spread[1] / spread[0]) + 2 * MARGIN
                                                                        : HEIGHT;
    if (!(f->height > LOWEST) || (spread[0] == 0 && spread[1] == 0)) f->height = LOWEST;
    f->scale[0] = spread[0] > 0 ? inner / spread[0] : 0;
    f->scale[1] = spread[1] > 0 ? (f->height - 2 * MARGIN) / spread[1] : 0;
    if (p->apart) return;
    if (spread[0] > 0 && spread[1] > 0)
        f->scale[0] = f->scale[1] = fmin(f->scale[0], f->scale[1]);
    else
        f->scale[0] = f->scale[1] = fmax(f->scale[0], f->scale[1]);
}

static struct frame lay_out(const struct attn_picture *p) {
    struct frame f = {.top = TOP + (p->row_title[0] ? TITLE : 0), .low = {HUGE_VAL, HUGE_VAL}, .high = {-HUGE_VAL, -HUGE_VAL}};
    double spread[2];
    extend(&f, p->point, p->points);
    extend(&f, p->vertex, p->vertices);
    for (int k = 0; k < 2; k++) {
        f.middle[k] = f.low[k] / 2 + f.high[k] / 2;
        spread[k] = f.high[k] - f.low[k] > least ? f.high[k] - f.low[k] : 0;
    }
    f.left = left_of(&f);
    f.width = ATTN_PICTURE_WIDTH - RIGHT - f.left;
    lay_scales(&f, p, spread);
    return f;
}

/* ------------------------------------------------------------------------------------------------------------ lines */

/* In the order in which they are drawn: what is true lies below what is predicted. Models are told apart by their dashes too. */
static const struct look {
    enum attn_picture_role role;
    int model;
    const char *word, *attributes;
} looks[] = {
    {ATTN_PICTURE_PLAIN, 0, NULL, "stroke=\"rgb(1,2,3)\" stroke-width=\"1\" stroke-opacity=\"0.5\""},
    {ATTN_PICTURE_BOTH, 0, "predicted and true", "stroke=\"rgb(1,2,3)\" stroke-width=\"1.6\" stroke-opacity=\"0.75\""},
    {ATTN_PICTURE_TRUTH, 0, "truth",
     "stroke=\"" ATTN_PICTURE_TRUTH_COLOUR "\" stroke-width=\"6\" stroke-opacity=\"0.75\" stroke-dasharray=\"11 6\""},
    {ATTN_PICTURE_PREDICTED, 0, "predicted", "stroke=\"" ATTN_PICTURE_PREDICTED_COLOUR "\" stroke-width=\"2\""},
    {ATTN_PICTURE_PREDICTED, 1, "predicted", "stroke=\"#8a63d2\" stroke-width=\"2\" stroke-dasharray=\"7 3\""},
    {ATTN_PICTURE_PREDICTED, 2, "predicted", "stroke=\"#0e8fa0\" stroke-width=\"2\" stroke-dasharray=\"2 3\""},
};
enum { LOOKS = sizeof looks / sizeof looks[0] };

/* Curves over time jump: a wide line without dashes is followed more easily. */
static const char *attributes_of(const struct attn_picture *p, const struct look *look) {
    static const char curve[] = "stroke=\"" ATTN_PICTURE_TRUTH_COLOUR "\" stroke-width=\"5\" stroke-opacity=\"0.45\"";
    return p->apart && look->role == ATTN_PICTURE_TRUTH ? curve : look->attributes;
}

static bool has_look(const struct attn_picture_line *line, const struct look *look) {
    return line->role == look->role && line->model == look->model;
}

static bool is_used(const struct attn_picture *p, const struct look *look) {
    for (int64_t i = 0; i < p->lines; i++)
        if (has_look(&p->line[i], look)) return true;
    return false;
}

static void put_lines(FILE *file, const struct attn_picture *p, const struct frame *f, const struct look *look) {
    if (!is_used(p, look)) return;
    fprintf(file, "<g fill=\"none\" stroke-linejoin=\"round\" %s>\n", attributes_of(p, look));
    for (int64_t k = 0; k < p->lines; k++) {
        const struct attn_picture_line *line = &p->line[k];
        if (!has_look(line, look) || line->count < 2) continue;
        fprintf(file, "<%s points=\"", line->closed ? "polygon" : "polyline");
        for (int64_t i = line->first; i < line->first + line->count; i++)
            fprintf(file, "%.1f,%.1f ", place_x(f, p->vertex[2 * i]), place_y(f, p->vertex[2 * i + 1]));
        fputs("\"/>\n", file);
    }
    fputs("</g>\n", file);
}

/* NULL: the look has no place in the legend. */
static const char *word_of(const struct attn_picture *p, const struct look *look) {
    if (!look->word || !is_used(p, look)) return NULL;
    if (look->role == ATTN_PICTURE_PREDICTED && look->model < p->models) return p->model[look->model];
    return look->role == ATTN_PICTURE_TRUTH && p->truth ? p->truth : look->word;
}

/* Predicted lines first, then the truth, in as many rows as they need; returns how many. file NULL: nothing is written. */
static int put_legend(FILE *file, const struct attn_picture *p, const struct frame *f, double y) {
    static const int order[LOOKS] = {3, 4, 5, 2, 1, 0};
    double left = f->left;
    int rows = 0;
    for (int k = 0; k < LOOKS; k++) {
        const struct look *look = &looks[order[k]];
        const char *word = word_of(p, look);
        if (!word) continue;
        const double width = SAMPLE + 6 + (double)strlen(word) * ATTN_PICTURE_LETTER;
        if (rows == 0 || left + width > ATTN_PICTURE_WIDTH) {
            left = f->left;
            rows++;
        }
        const double middle = y + (rows - 0.5) * LEGEND;
        if (file) {
            fprintf(file, "<g %s><path d=\"M%.1f %.1fh%d\"/></g>\n", attributes_of(p, look), left, middle, SAMPLE);
            attn_picture_text(file, left + SAMPLE + 6, middle + 4, "start", word);
        }
        left += width + 14;
    }
    return rows;
}

/* ----------------------------------------------------------------------------------------------------------- points */

struct box {
    double x, y, width, height; /* x, y: its least corner */
};

static bool overlap(const struct box *a, const struct box *b) {
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height && b->y < a->y + a->height;
}

/* Does the line from a to b meet the box? What is left of it, as shares of its length, is cut at each side (Liang and Barsky 1984). */
static bool meets(const struct box *box, const double a[2], const double b[2]) {
    const double least_side[2] = {box->x, box->y}, greatest_side[2] = {box->x + box->width, box->y + box->height};
    double begin = 0, end = 1;
    for (int k = 0; k < 2; k++) {
        const double along = b[k] - a[k];
        const double to_least = least_side[k] - a[k], to_greatest = greatest_side[k] - a[k];
        if (along == 0 && (to_least > 0 || to_greatest < 0)) return false;
        if (along == 0) continue;
        begin = fmax(begin, fmin(to_least / along, to_greatest / along));
        end = fmin(end, fmax(to_least / along, to_greatest / along));
    }
    return begin <= end;
}

static bool meets_any_line(const struct box *box, const struct attn_picture *p, const struct frame *f) {
    for (int64_t k = 0; k < p->lines; k++) {
        const struct attn_picture_line *line = &p->line[k];
        for (int64_t i = line->closed ? 0 : 1; i < line->count; i++) {
            const double *from = p->vertex + 2 * (line->first + (i + line->count - 1) % line->count);
            const double *to = p->vertex + 2 * (line->first + i);
            const double a[2] = {place_x(f, from[0]), place_y(f, from[1])}, b[2] = {place_x(f, to[0]), place_y(f, to[1])};
            if (meets(box, a, b)) return true;
        }
    }
    return false;
}

/* Beside a point at x, y: right or left of it, above or below. */
static struct box place_beside(double x, double y, double radius, double width, int place) {
    static const double height = 10;
    const double corner = radius + 1;
    return (struct box){place % 2 == 0 ? x + corner : x - corner - width, place < 2 ? y - 1 - height : y + 1, width, height};
}

static bool inside(const struct box *box, const struct frame *f) {
    return box->x > f->left + 2 && box->x + box->width < f->left + f->width && box->y > f->top && box->y + box->height < f->top + f->height;
}

/* Each number where it covers no point, no number before and no edge of the frame, and no line if that can be had; else it is left out. */
static void put_numbers(FILE *file, const struct attn_picture *p, const struct frame *f, double radius) {
    struct box taken[2 * LABELLED], box = {0, 0, 0, 0};
    int count = 0;
    for (int64_t i = 0; i < p->points; i++)
        taken[count++] =
            (struct box){place_x(f, p->point[2 * i]) - radius, place_y(f, p->point[2 * i + 1]) - radius, 2 * radius, 2 * radius};
    for (int64_t i = 0; i < p->points; i++) {
        char text[32];
        const double width = snprintf(text, sizeof text, "%lld", (long long)i + 1) * (double)ATTN_PICTURE_LETTER;
        bool found = false;
        for (int k = 0; k < 4; k++) {
            const struct box here = place_beside(place_x(f, p->point[2 * i]), place_y(f, p->point[2 * i + 1]), radius, width, k);
            bool free = inside(&here, f);
            for (int other = 0; other < count && free; other++) free = !overlap(&here, &taken[other]);
            if (!free) continue;
            const bool clear = !meets_any_line(&here, p, f);
            if (!found || clear) box = here;
            found = true;
            if (clear) break;
        }
        if (!found) continue;
        attn_picture_text(file, box.x, box.y + box.height - 0.5, "start", text);
        taken[count++] = box;
    }
}

static void put_points(FILE *file, const struct attn_picture *p, const struct frame *f) {
    const double radius = fmax(0.8, fmin(3.5, 30 / sqrt((double)p->points)));
    fputs("<g fill=\"rgb(1,2,3)\">\n", file);
    for (int64_t i = 0; i < p->points; i++)
        fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n", place_x(f, p->point[2 * i]), place_y(f, p->point[2 * i + 1]),
                radius);
    fputs("</g>\n", file);
    if (p->numbered && p->points <= LABELLED) put_numbers(file, p, f, radius);
}

static void put_titles(FILE *file, const struct attn_picture *p, const struct frame *f) {
    if (p->row_title[0]) attn_picture_text(file, 2, ATTN_PICTURE_FONT, "start", p->row_title);
    if (p->column_title[0])
        attn_picture_text(file, f->left + f->width, f->top + f->height + BELOW + ATTN_PICTURE_FONT, "end", p->column_title);
}

void attn_picture_put_points(FILE *file, const struct attn_picture *p) {
    const struct frame f = lay_out(p);
    const double below = f.top + f.height + BELOW + (p->column_title[0] ? TITLE : 0);
    const int rows = put_legend(NULL, p, &f, below);
    attn_picture_begin(file, below + (rows > 0 ? rows * LEGEND : 4));
    put_axes(file, &f);
    put_titles(file, p, &f);
    for (int k = 0; k < LOOKS; k++) put_lines(file, p, &f, &looks[k]);
    put_points(file, p, &f);
    put_legend(file, p, &f, below);
}
