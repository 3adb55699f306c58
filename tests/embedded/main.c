/* A model that `attn export` has written, pushed the rows of rows.h; each answer's bits are said, eight hexadecimal digits a number, a line a row. rows.h defines ROWS and
 * `row`, the bits of the inputs. */
#include "model.h"
#include "rows.h"
#include "say.h"

union bits {
    float number;
    uint32_t word;
};

static void say_bits(float number) {
    static const char digit[] = "0123456789abcdef";
    union bits x;
    char text[10];
    x.number = number;
    for (int i = 0; i < 8; i++) text[i] = digit[(x.word >> (28 - 4 * i)) & 15u];
    text[8] = ' ';
    text[9] = '\0';
    say(text);
}

int main(void) {
    static model_state s, other; /* two streams beside each other: the other one sees each row twice */
    float y[MODEL_OUTPUTS] = {0};
    model_init(&s);
    model_init(&other);
    for (int r = 0; r < ROWS; r++) {
        union bits in[MODEL_INPUTS];
        float x[MODEL_INPUTS];
        for (int i = 0; i < MODEL_INPUTS; i++) {
            in[i].word = row[r][i];
            x[i] = in[i].number;
        }
        model_push(&other, x, y);
        model_push(&other, x, y);
        model_push(&s, x, y);
        for (int i = 0; i < MODEL_OUTPUTS; i++) say_bits(y[i]);
        say("\n");
    }
    return 0;
}
