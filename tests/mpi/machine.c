/* A machine is measured, the same on all ranks, kept in a file, and what a plan chooses by. */
#include "mpi/plan.h"

#include <math.h>
#include <unistd.h>

static void the_machine_that_is_measured_is_that_of_all_ranks(void **state) {
    attn_ctx *ctx = test_context(1);
    const attn_problem p = problem_of(300);
    attn_mpi_machine machine;
    (void)state;
    need(ctx, attn_mpi_machine_measure(ctx, MPI_COMM_WORLD, 60.0, &p, &machine), "measured");
    assert_int_equal(machine.ranks_per_node, ranks);
    assert_true(machine.flops > 1e6 && machine.flops < 1e14);
    if (ranks > 1) {
        assert_true(machine.latency_inside > 0 && machine.latency_inside < 1.0);
        assert_true(machine.bandwidth_inside > 1e6 && machine.bandwidth_inside < 1e13);
    }
    double numbers[3] = {machine.flops, machine.latency_inside, machine.bandwidth_inside}, first[3];
    memcpy(first, numbers, sizeof first);
    MPI_Bcast(first, 3, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    assert_memory_equal(first, numbers, sizeof first);
    attn_ctx_destroy(ctx);
}

static void a_machine_comes_back_from_its_file(void **state) {
    attn_ctx *ctx = test_context(1);
    attn_mpi_machine machine, back;
    char path[] = "/tmp/attn_machine_XXXXXX", text[1024];
    (void)state;
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    attn_mpi_machine_init(&machine);
    machine.ranks_per_node = 3;
    machine.flops = 1.5e11;
    machine.memory = 0x1p33;
    machine.latency_between = 12.5e-6;
    need(ctx, attn_mpi_machine_save(ctx, path, &machine), "saved");
    need(ctx, attn_mpi_machine_load(ctx, path, &back), "loaded");
    assert_int_equal(back.ranks_per_node, 3);
    assert_int_equal(back.links, machine.links);
    assert_true(fabs(back.flops / machine.flops - 1.0) < 1e-8 && back.memory == machine.memory);
    assert_true(fabs(back.latency_between / machine.latency_between - 1.0) < 1e-8);
    machine.links = 0;
    assert_int_equal(attn_mpi_machine_save(ctx, path, &machine), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "0 links"));
    unlink(path);
    assert_int_equal(attn_mpi_machine_load(ctx, path, &back), ATTN_EINVAL);
    attn_ctx_destroy(ctx);
}

static void a_plan_chooses_by_the_machine_and_what_is_asked_for(void **state) {
    attn_ctx *ctx = test_context(1);
    const attn_problem p = problem_of(256 * ranks);
    attn_mask *mask = mask_of(ctx, "causal", p.q_len);
    attn_mpi_machine machine;
    attn_mpi_plan_config config;
    attn_mpi_plan *plan;
    char text[2048], line[128];
    (void)state;
    attn_mpi_machine_init(&machine);
    attn_mpi_plan_config_init(&config);
    config.machine = &machine;
    config.ulysses = ranks;
    need(ctx, attn_mpi_plan_create(ctx, &p, mask, &config, &plan), "chosen");
    attn_mpi_plan_text(plan, text, sizeof text);
    snprintf(line, sizeof line, "on %d ranks: %d exchange heads, 1 pass keys around", ranks, ranks);
    assert_non_null(strstr(text, line));
    assert_non_null(strstr(text, "by the cost model"));
    attn_mpi_plan_destroy(plan);
    machine.memory = 1.0;
    assert_int_equal(attn_mpi_plan_create(ctx, &p, mask, &config, &plan), ATTN_EUNSUPPORTED);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "no mechanism fits"));
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
}

int main(int argc, char **argv) {
    if (!open_ranks(&argc, &argv)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_that_is_measured_is_that_of_all_ranks),
        cmocka_unit_test(a_machine_comes_back_from_its_file),
        cmocka_unit_test(a_plan_chooses_by_the_machine_and_what_is_asked_for),
    };
    const int failures = cmocka_run_group_tests_name("machines", tests, NULL, NULL);
    if (failures) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
    return 0;
}
