// matmul-bench: rates of generated matmul kernels beside the roofs of this machine, in interleaved rounds.
//   matmul-bench decode [format] [threads] [n] [k]        GB/s of packed weights, against the best read probe; QCC_BENCH_PREFETCH=bytes ahead
//                                                         QCC_BENCH_ACT_GROUP=n: int8 activations per scale, -1 the row
//   matmul-bench rows <m> [format] [threads] [n] [k]      GOP/s (2 * m * n * k), against VPDPBUSD from registers
//   matmul-bench formats <m> <threads> <n> <k> <format> <format> ..   the same in turns: each one's best of all rounds, and its weights per second beside
//                                                                     the first one's
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

static int fail(llvm::Error error) {
  llvm::errs() << llvm::toString(std::move(error)) << "\n";
  return 1;
}

static llvm::Expected<MatmulSpec> specOf(llvm::StringRef format, llvm::StringRef rows, unsigned lanes, mlir::MLIRContext &context) {
  MatmulSpec spec;
  spec.rows = rows == "decode" ? RowClass::Decode : rows == "short" ? RowClass::Short : RowClass::Long;
  mlir::Type element = qnt::parseFormat(format, &context);
  if (!element)
    return llvm::createStringError("unknown format " + format);
  spec.weight = *PanelLayout::get(element, lanes, nullptr);
  spec.bf16 = getenv("QCC_BENCH_BF16");
  spec.intActivations = spec.weight.hasIntegers() && !getenv("QCC_BENCH_F32") && !spec.bf16;
  if (const char *group = getenv("QCC_BENCH_ACT_GROUP"))
    spec.activationGroup = atoi(group);
  spec.sumGroup = spec.sumK();
  return spec;
}

static std::string rowsOf(int64_t m) {
  const char *otherwise = getenv("QCC_BENCH_CLASS");
  return otherwise ? otherwise : m == 1 ? "decode" : m < 16 ? "short" : "long";
}

namespace {
/// A product of arbitrary numbers, on which rates do not depend.
struct Product {
  MatmulSpec spec;
  CompiledMatmul kernel;
  int threads;
  int64_t m, n, k, repeat, panels, step;
  size_t bytes;
  uint8_t *weights;
  std::vector<int8_t> codes;
  std::vector<float> input, scales, output;
  std::vector<int32_t> sums;
  MatmulCall call;

  Product(const MatmulSpec &spec, CompiledMatmul kernel, const TargetVersion &version, int threads, int64_t m, int64_t n, int64_t k)
      : spec(spec), kernel(std::move(kernel)), threads(threads), m(m), n(n), k(k), panels(spec.weight.panels(n)), step(panelStep(spec, version)),
        bytes(spec.weight.bytes(n, k)) {
    size_t room = (bytes + (4 << 20)) >> 21 << 21;     // huge pages where the system gives them
    weights = static_cast<uint8_t *>(mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    madvise(weights, room, MADV_HUGEPAGE);
    memset(weights, 0x11, room);
    repeat = std::max<int64_t>(1, int64_t(4e9) / operations());
    if (m == 1)                                        // small weights: the rate from a cache
      repeat = std::max<int64_t>(1, int64_t(100e6) / int64_t(bytes));
    int64_t stride = (spec.weight.isCodes() ? spec.weight.paddedK(k) : k) + 64;
    codes.assign(m * stride, 3);
    input.assign(m * stride, 0.5f);
    scales.assign(m * stride, 1e-3f);
    sums.assign(m * stride, 96);
    output.resize(m * (n + 16));
    call.inputStride = stride;
    call.scaleStride = stride / 32;
    call.sumStride = stride / 16;
    call.outputStride = n + 16;
    call.m = m, call.n = n, call.k = k;
    if (const char *ahead = getenv("QCC_BENCH_PREFETCH"))
      call.prefetch = atoi(ahead);
  }

  double operations() const { return 2.0 * m * n * k; }
  int64_t begin(int t) const { return std::min(panels, panels * t / threads / step * step + (t == threads ? panels : 0)); }

  /// Seconds of one pass over the weights.
  double run() {
    call.weights = weights;
    call.input = spec.intActivations ? static_cast<void *>(codes.data()) : input.data();
    call.scales = scales.data();
    call.sums = sums.data();
    call.output = output.data();
    return timed(threads, [&](int t) {
      MatmulCall mine = call;
      mine.panelBegin = begin(t);
      mine.panelEnd = begin(t + 1);
      for (int64_t r = 0; r < repeat; ++r)
        kernel.run(0, mine);
    }) / double(repeat);
  }
  /// GB/s of one row's weights, or GOP/s.
  double rate(double time) const { return (m == 1 ? double(bytes) : operations()) / time / 1e9; }
  const char *unit() const { return m == 1 ? "GB/s" : "GOP/s"; }

  /// What the machine could do, in the same unit.
  double roof() const {
    if (m > 1) {
      constexpr int64_t rounds = 4000000;
      return threads * rounds * 12 * 128.0 / timed(threads, [&](int) { volatile int sink = vnniProbe(rounds); (void)sink; }) / 1e9;
    }
    double best = 0;
    size_t share = bytes / threads / 4096 * 4096;
    for (int streams : {1, 2, 4, 8}) {
      double time = timed(threads, [&](int t) {
        volatile uint64_t sink = readProbe(weights + t * share, share, streams);
        (void)sink;
      });
      best = std::max(best, share * threads / time / 1e9);
    }
    return best;
  }
};
} // namespace

constexpr int rounds = 15;

static void measure(Product &product, const TargetVersion &version) {
  std::vector<double> rates, reads, shares;
  for (int round = 0; round < rounds; ++round) {
    reads.push_back(product.roof());
    rates.push_back(product.rate(product.run()));
    shares.push_back(rates.back() / reads.back());
  }
  llvm::outs() << llvm::formatv("{0} {1} threads={2} m={3} n={4} k={5}: {6:f1} {7}, roof {8:f1}, share {9:f3}\n", product.spec.name(), version.name, product.threads,
                                product.m, product.n, product.k, median(rates), product.unit(), median(reads), median(shares));
}

static void compare(llvm::ArrayRef<llvm::StringRef> formats, llvm::MutableArrayRef<Product> products) {
  std::vector<double> best(products.size(), std::numeric_limits<double>::infinity());
  for (int round = 0; round < rounds; ++round)
    for (size_t i = 0; i < products.size(); ++i)
      best[i] = std::min(best[i], products[i].run());
  for (auto [format, product, time] : llvm::zip(formats, products, best))
    llvm::outs() << llvm::formatv("{0,-10} {1:f2} of {2}, {3:f1} {4}\n", format, best[0] / time, formats[0], product.rate(time), product.unit());
}

int main(int argc, char **argv) {
  auto argument = [&](int i, const char *otherwise) { return i < argc ? argv[i] : otherwise; };
  std::string mode = argument(1, "decode");
  mlir::MLIRContext context;
  context.loadDialect<qnt::QntDialect>();
  if (mode == "tiles") {
    llvm::Error error = writeTileKernels(context, argument(2, "."), argument(3, "") == llvm::StringRef("emulated"));
    return error ? fail(std::move(error)) : 0;
  }
  const Target &target = getX86Target();
  auto info = findTarget({&target}, mode == "asm" ? argument(4, "host") : "host", "", "", true);
  if (!info)
    return fail(info.takeError());
  TargetVersion version = info->versions.front();
  for (const TargetVersion &v : info->versions)
    if (mode == "asm" && v.name == argument(5, ""))
      version = v;
  std::string assembly;
  auto compile = [&](llvm::StringRef format, llvm::StringRef rows, int threads, int64_t m, int64_t n, int64_t k) -> llvm::Expected<Product> {
    auto spec = specOf(format, rows, info->panelLanes, context);
    if (!spec)
      return spec.takeError();
    auto kernel = CompiledMatmul::compile(*spec, target, *info, version, &assembly);
    if (!kernel)
      return kernel.takeError();
    return Product(*spec, std::move(*kernel), version, threads, m, n, k);
  };
  if (mode == "asm") {
    auto product = compile(argument(3, "w4g32"), argument(2, "decode"), 1, 1, 16, 32);
    if (!product)
      return fail(product.takeError());
    llvm::outs() << assembly;
    return 0;
  }
  int rest = mode == "decode" ? 2 : 3;
  int64_t m = mode == "decode" ? 1 : atoi(argument(2, "128"));
  if (mode != "formats") {
    auto product = compile(argument(rest, "w4g32"), rowsOf(m), atoi(argument(rest + 1, "2")), m, atoi(argument(rest + 2, m == 1 ? "131072" : "2048")), atoi(argument(rest + 3, "2048")));
    if (!product)
      return fail(product.takeError());
    measure(*product, version);
    return 0;
  }
  std::vector<llvm::StringRef> formats;
  std::vector<Product> products;
  for (int i = 6; i < argc; ++i) {
    auto product = compile(argv[i], rowsOf(m), atoi(argv[3]), m, atoi(argv[4]), atoi(argv[5]));
    if (!product)
      return fail(product.takeError());
    formats.push_back(argv[i]);
    products.push_back(std::move(*product));
  }
  compare(formats, products);
  return 0;
}
