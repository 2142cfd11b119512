// matmul-bench: rates of generated matmul kernels beside the roofs of this machine, in interleaved rounds.
//   matmul-bench decode [format] [threads] [n] [k]        GB/s of packed weights, against the best read probe; QCC_BENCH_PREFETCH=bytes ahead
//                                                         QCC_BENCH_ACT_GROUP=n: int8 activations per scale, -1 the row
//   matmul-bench rows <m> [format] [threads] [n] [k]      GOP/s (2 * m * n * k), against VPDPBUSD from registers
//   matmul-bench tiles <folder>   objects of the kernels of long inputs that TileBench.c compares, for a machine with a matrix unit;
//                                 with a further argument `emulated`, for one without (TileBench.c with -DEMULATED, only to check)
//   matmul-bench asm <decode|short|long> [format] [target] [version]   the assembly of any version, without running it
#include "Probes.h"
#include "test/Unit/Kernel/CompiledMatmul.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <thread>
using namespace qcc;
using namespace qcc::kernel;
using namespace qcc::test;

// CPU time of the calling thread: what other processes take of a shared machine does not count.
static double seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

// Runs body(thread) on pinned threads and returns the time of the slowest.
static double timed(int threads, llvm::function_ref<void(int)> body) {
  std::vector<std::thread> pool;
  std::vector<double> times(threads);
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&, t] {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(t, &set);
      pthread_setaffinity_np(pthread_self(), sizeof set, &set);
      ready++;
      while (!go)
        ;
      double start = seconds();
      body(t);
      times[t] = seconds() - start;
    });
  while (ready != threads)
    std::this_thread::yield();
  go = true;
  for (std::thread &thread : pool)
    thread.join();
  return *llvm::max_element(times);
}

static double median(std::vector<double> values) {
  llvm::sort(values);
  return values[values.size() / 2];
}

// Objects of C symbols that TileBench.c calls: bf16 tiles, int8 tiles, VNNI.
static llvm::Error writeTileKernels(mlir::MLIRContext &context, const char *path, bool emulated) {
  const Target &target = getX86Target();
  auto info = findTarget({&target}, "x86-amx", "", "", true);
  if (!info)
    return info.takeError();
  TargetVersion vnni = info->versions.front(), tiles = vnni, machine = vnni;
  if (emulated) {
    machine.tileInt8 = machine.tileBf16 = false;
    machine.features = "+avx512vnni";
  }
  tiles.tileInt8MinK = 32;
  vnni.tileInt8 = false;
  auto product = [&](const char *format, int64_t activationGroup) {
    MatmulSpec spec;
    spec.rows = RowClass::Long;
    spec.weight = *PanelLayout::get(qnt::parseFormat(format, &context), info->panelLanes, nullptr);
    spec.activationGroup = activationGroup;
    spec.sumGroup = spec.sumK();
    return spec;
  };
  MatmulSpec spec = product("w4g32", 32), bf16 = spec;
  bf16.intActivations = false;
  bf16.bf16 = true;
  std::pair<NamedKernel, TargetVersion *> kernels[] = {{{"bf16_tiles", bf16}, &tiles}, {{"int8_tiles", spec}, &tiles}, {{"int8_vnni", spec}, &vnni},
                                                      {{"int8_w4t_row", product("w4t", -1)}, &tiles}, {{"int8_w4g128_128", product("w4g128", 128)}, &tiles},
                                                      {{"vnni_w4t_row", product("w4t", -1)}, &vnni}};
  for (auto &[kernel, version] : kernels) {
    auto object = emitKernels(kernel, target, *info, *version, nullptr, &machine);
    if (!object)
      return object.takeError();
    std::error_code error;
    llvm::raw_fd_ostream out((path + llvm::Twine("/") + kernel.name + ".o").str(), error);
    if (error)
      return llvm::createStringError(error, "cannot write to %s", path);
    out.write(object->data(), object->size());
  }
  return llvm::Error::success();
}

int main(int argc, char **argv) {
  auto argument = [&](int i, const char *otherwise) { return i < argc ? argv[i] : otherwise; };
  std::string mode = argument(1, "decode");
  int shift = mode == "rows" ? 1 : 0;
  mlir::MLIRContext context;
  context.loadDialect<qnt::QntDialect>();
  if (mode == "tiles") {
    if (llvm::Error error = writeTileKernels(context, argument(2, "."), argument(3, "") == llvm::StringRef("emulated"))) {
      llvm::errs() << llvm::toString(std::move(error)) << "\n";
      return 1;
    }
    return 0;
  }
  const Target &target = getX86Target();
  auto info = findTarget({&target}, mode == "asm" ? argument(4, "host") : "host", "", "", true);
  if (!info) {
    llvm::errs() << llvm::toString(info.takeError()) << "\n";
    return 1;
  }
  TargetVersion version = info->versions.front();
  for (const TargetVersion &v : info->versions)
    if (mode == "asm" && v.name == argument(5, ""))
      version = v;
  int64_t m = mode == "rows" ? atoi(argument(2, "128")) : 1;
  MatmulSpec spec;
  std::string what = mode == "asm" ? argument(2, "decode") : m == 1 ? "decode" : m < 16 ? "short" : "long";
  if (getenv("QCC_BENCH_CLASS"))
    what = getenv("QCC_BENCH_CLASS");
  spec.rows = what == "decode" ? RowClass::Decode : what == "short" ? RowClass::Short : RowClass::Long;
  const char *format = argument((mode == "asm" ? 3 : 2) + shift, "w4g32");
  mlir::Type element = qnt::parseFormat(format, &context);
  if (!element) {
    llvm::errs() << "unknown format " << format << "\n";
    return 1;
  }
  spec.weight = *PanelLayout::get(element, info->panelLanes, nullptr);
  spec.bf16 = getenv("QCC_BENCH_BF16");
  spec.intActivations = spec.weight.hasIntegers() && !getenv("QCC_BENCH_F32") && !spec.bf16;
  if (const char *group = getenv("QCC_BENCH_ACT_GROUP"))
    spec.activationGroup = atoi(group);
  spec.sumGroup = spec.sumK();
  std::string assembly;
  auto kernel = CompiledMatmul::compile(spec, target, *info, version, &assembly);
  if (!kernel) {
    llvm::errs() << llvm::toString(kernel.takeError()) << "\n";
    return 1;
  }
  if (mode == "asm") {
    llvm::outs() << assembly;
    return 0;
  }
  int threads = atoi(argument(3 + shift, "2"));
  int64_t n = atoi(argument(4 + shift, m == 1 ? "131072" : "2048")), k = atoi(argument(5 + shift, "2048"));
  // Rates do not depend on values: arbitrary bytes, huge pages where the system gives them.
  size_t bytes = spec.weight.bytes(n, k), room = (bytes + (4 << 20)) >> 21 << 21;
  auto *weights = static_cast<uint8_t *>(mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  madvise(weights, room, MADV_HUGEPAGE);
  memset(weights, 0x11, room);
  int64_t stride = (spec.weight.isCodes() ? spec.weight.paddedK(k) : k) + 64;
  std::vector<int8_t> codes(m * stride, 3);
  std::vector<float> input(m * stride, 0.5f), scales(m * stride, 1e-3f), output(m * (n + 16));
  std::vector<int32_t> sums(m * stride, 96);
  MatmulCall call;
  call.weights = weights;
  call.input = spec.intActivations ? static_cast<void *>(codes.data()) : input.data();
  call.inputStride = stride;
  call.scales = scales.data();
  call.scaleStride = stride / 32;
  call.sums = sums.data();
  call.sumStride = stride / 32;
  call.output = output.data();
  call.outputStride = n + 16;
  call.m = m, call.n = n, call.k = k;
  if (const char *ahead = getenv("QCC_BENCH_PREFETCH"))
    call.prefetch = atoi(ahead);
  int64_t panels = spec.weight.panels(n), step = panelStep(spec, version);
  auto range = [&](int t) { return std::min(panels, panels * t / threads / step * step + (t == threads ? panels : 0)); };
  int64_t operations = 2 * m * n * k, repeat = std::max<int64_t>(1, int64_t(4e9) / operations);
  if (m == 1)                                        // small weights: the rate from a cache
    repeat = std::max<int64_t>(1, int64_t(100e6) / int64_t(bytes));
  std::vector<double> rates, reads, shares, roofs;
  for (int round = 0; round < 15; ++round) {
    double best = 0;
    for (int streams : {1, 2, 4, 8}) {
      if (m > 1)
        break;
      size_t share = bytes / threads / 4096 * 4096;
      double time = timed(threads, [&](int t) {
        volatile uint64_t sink = readProbe(weights + t * share, share, streams);
        (void)sink;
      });
      best = std::max(best, share * threads / time / 1e9);
    }
    double probe = 1;
    constexpr int64_t rounds = 4000000;
    if (m > 1)
      probe = threads * rounds * 12 * 128.0 / timed(threads, [&](int) { volatile int sink = vnniProbe(rounds); (void)sink; }) / 1e9;
    double time = timed(threads, [&](int t) {
      MatmulCall mine = call;
      mine.panelBegin = range(t);
      mine.panelEnd = range(t + 1);
      for (int64_t r = 0; r < repeat; ++r)
        kernel->run(0, mine);
    });
    double rate = ((m == 1 ? double(bytes) : double(operations)) * repeat) / time / 1e9;
    rates.push_back(rate);
    reads.push_back(m == 1 ? best : probe);
    shares.push_back(rate / reads.back());
  }
  llvm::outs() << llvm::formatv("{0} {1} threads={2} m={3} n={4} k={5}: {6:f1} {7}, roof {8:f1}, share {9:f3}\n", spec.name(), version.name, threads, m, n, k,
                                median(rates), m == 1 ? "GB/s" : "GOP/s", median(reads), median(shares));
}
