// From C++: handles in unique_ptr, arrays in std::vector, a status turned into an exception.
#include <attn.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

template <auto destroy> struct Destroy {
    template <class T> void operator()(T *handle) const { destroy(handle); }
};
using Context = std::unique_ptr<attn_ctx, Destroy<attn_ctx_destroy>>;
using Mask = std::unique_ptr<attn_mask, Destroy<attn_mask_destroy>>;

void check(attn_ctx *ctx, attn_status status) {
    char text[1024];
    if (status != ATTN_OK) throw std::runtime_error(attn_ctx_error(ctx, text, sizeof text));
}

Mask parse(attn_ctx *ctx, const char *text) {
    attn_mask *mask = nullptr;
    check(ctx, attn_mask_parse(ctx, text, &mask));
    return Mask(mask);
}

} // namespace

int main() try {
    attn_ctx *made = nullptr;
    char error[256];
    if (attn_ctx_create(nullptr, &made, error, sizeof error) != ATTN_OK) throw std::runtime_error(error);
    Context ctx(made);
    Mask mask = parse(ctx.get(), "causal & sliding_window:3,0");

    constexpr int heads = 2, tokens = 6, dim = 8;
    std::vector<float> q(heads * tokens * dim), k(q.size()), v(q.size()), o(q.size()), lse(heads * tokens);
    for (std::size_t i = 0; i < q.size(); i++) {
        q[i] = std::sin(0.1f * static_cast<float>(i));
        k[i] = std::cos(0.2f * static_cast<float>(i));
        v[i] = static_cast<float>(i / dim % tokens); // a token's values are its number: O is the mean position that a query looks at
    }
    attn_problem problem;
    attn_problem_init(&problem);
    problem.heads = heads, problem.dim = dim, problem.q_len = tokens;
    attn_args args;
    attn_args_init(&args);
    args.q.data = q.data(), args.k.data = k.data(), args.v.data = v.data();
    args.o.data = o.data(), args.lse.data = lse.data();
    args.mask = mask.get();
    check(ctx.get(), attn_run(ctx.get(), &problem, &args, nullptr));

    for (int i = 0; i < tokens; i++) std::printf("query %d of head 0 looks at position %.3f on average, lse %.3f\n", i, o[i * dim], lse[i]);
    try {
        parse(ctx.get(), "causal & windoww:3,0");
    } catch (const std::runtime_error &wrong) {
        std::puts("a wrong mask text is told, not obeyed");
    }
    return 0;
} catch (const std::exception &failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
}
