// How fast one thread attends: `AttentionBench [heads kvHeads headDim]`. Prints GFLOP/s of long inputs (multiplications and additions of visible
// tokens only) and GB/s of cache that single tokens read.
#include "AttentionProblem.h"
#include <cstdio>
#include <time.h>
using namespace qcc::test;

// The thread's own time: other work on the machine counts less.
static double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

template <typename F> static double secondsOf(F &&run) {
  run();
  double best = 1e9, spent = 0;
  for (int i = 0; i < 5 || (spent < 0.2 && i < 1000); ++i) {
    double start = now();
    run();
    double t = now() - start;
    best = std::min(best, t);
    spent += t;
  }
  return best;
}

int main(int argc, char **argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  for (unsigned lanes : {16, 8})
    for (int bits : {32, 16, 8, 4}) {
      AttentionShape shape;
      shape.heads = argc > 3 ? atoi(argv[1]) : 32, shape.kvHeads = argc > 3 ? atoi(argv[2]) : 8, shape.headDim = argc > 3 ? atoi(argv[3]) : 64;
      shape.bits = bits, shape.lanes = lanes;
      if (!CompiledKernels::canRun(lanes))
        continue;
      AttentionKernels kernels(shape);
      std::vector<float> scratch;
      auto time = [&](AttentionKernels::Way way, const Call &call) {
        AttentionProblem p(shape, call);
        auto cache = kernels.makeCache(1, p.total());
        kernels.update(cache, {1, p.total(), 0}, 1, p.key, p.value);
        return secondsOf([&] { kernels.attendPart(way, cache, call, 1, 0, p.query, scratch); });
      };
      for (int64_t seq : {1, 512}) {
        AttentionProblem p(shape, {1, seq, 0});
        auto cache = kernels.makeCache(1, seq);
        double s = secondsOf([&] { kernels.update(cache, p.call, 1, p.key, p.value); });
        printf("%2u lanes %2d bits  append %4ld                %7.3f ms\n", lanes, bits, long(seq), s * 1e3);
      }
      for (int64_t seq : {128, 512}) {
        double s = time(AttentionKernels::Whole, {1, seq, 0}), flops = 4.0 * shape.headDim * shape.heads * seq * (seq + 1) / 2;
        printf("%2u lanes %2d bits  long input %4ld            %7.3f ms  %6.1f GFLOP/s\n", lanes, bits, long(seq), s * 1e3, flops / s * 1e-9);
      }
      for (int64_t seq : {1, 4})
        for (int64_t past : {63, 511, 4095, 32767}) {
          double s = time(AttentionKernels::Chunks, {1, seq, past}), bytes = double(shape.bytesPerToken() * (past + seq));
          printf("%2u lanes %2d bits  %ld tokens after %5ld    %7.3f ms  %6.1f GB/s\n", lanes, bits, long(seq), long(past), s * 1e3, bytes / s * 1e-9);
        }
    }
}
