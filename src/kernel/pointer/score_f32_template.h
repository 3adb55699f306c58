/* The sum of an additive score, w . tanh(q + k) over `dim` numbers, in lanes that are still to be added up: of the plan's kernels and of the tape's, so that both
 * round alike. Included after kernel/pointer/tanh_f32_template.h. */
VEC_INLINE vec score_lanes(const float *q, const float *k, const float *w, int64_t dim) {
    vec sum = vec_set1(0.0f);
    int64_t c = 0;
    for (; c + VEC_LANES <= dim; c += VEC_LANES) sum = vec_fma(vec_load(w + c), vec_tanh(vec_add(vec_load(q + c), vec_load(k + c))), sum);
    if (c < dim) {
        const int64_t left = dim - c;
        const vec x = vec_add(vec_load_first(q + c, left), vec_load_first(k + c, left));
        sum = vec_fma(vec_load_first(w + c, left), vec_tanh(x), sum);
    }
    return sum;
}
