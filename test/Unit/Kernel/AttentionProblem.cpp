#include "AttentionProblem.h"
#include "dialects/Quant/Formats/Half.h"
#include "lib/Kernel/Kernels.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
using namespace qcc;
using namespace qcc::test;
using mlir::Type;

float AttentionShape::scale() const { return 1 / std::sqrt(float(headDim)); }

static AttentionSpec specOf(KernelLibrary &library, const AttentionShape &s) {
  mlir::Builder b(library.context());
  Type element = s.bits == 32 ? Type(b.getF32Type()) : s.bits == 16 ? Type(b.getF16Type()) : Type(b.getIntegerType(s.bits));
  CacheLayout cache(qnt::CacheType::get(library.context(), s.kvHeads, s.headDim, element), s.lanes);
  return {cache, s.heads, s.scale(), s.softcap, s.causal, s.window, /*rows=*/false, s.maskBits ? b.getIntegerType(s.maskBits) : Type()};
}

test::AttentionKernels::AttentionKernels(const AttentionShape &shape)
    : shape(shape), kernels(shape.lanes, [&](KernelLibrary &library) {
        AttentionSpec spec = specOf(library, shape);
        int64_t width = shape.kvHeads * shape.headDim;
        names[0] = kvUpdateKernel(library, spec.cache, Columns(width), Columns(width), /*rows=*/false).getValue().str();
        names[1] = attentionKernel(library, spec).getValue().str();
        names[2] = attentionChunkKernel(library, spec).getValue().str();
        names[3] = attentionMergeKernel(library, spec).getValue().str();
      }) {}

std::vector<uint8_t> test::AttentionKernels::makeCache(int64_t batch, int64_t context) const {
  int64_t capacity = (context + CacheLayout::granule - 1) / CacheLayout::granule * CacheLayout::granule;
  return std::vector<uint8_t>(batch * capacity * shape.bytesPerToken(), 0xff);
}

Buffer test::AttentionKernels::cacheBuffer(const std::vector<uint8_t> &cache) const {
  return {cache.data(), {int64_t(cache.size()) / std::max(1, shape.bits / 8)}};
}

void test::AttentionKernels::update(std::vector<uint8_t> &cache, const Call &call, int64_t threads, const std::vector<float> &key,
                                    const std::vector<float> &value) const {
  std::vector<int64_t> sizes = {call.batch * call.seq, shape.kvHeads * shape.headDim};
  kernels.run(names[0], call, threads, {{key.data(), sizes}, {value.data(), sizes}, cacheBuffer(cache)});
}

std::vector<float> test::AttentionKernels::attend(Way way, const std::vector<uint8_t> &cache, const Call &call, int64_t threads,
                                                  const std::vector<float> &query, const std::vector<int64_t> &mask) const {
  int64_t rows = call.batch * call.seq, total = call.past + call.seq;
  std::vector<float> output(query.size(), NAN);
  Buffer result{output.data(), {rows, shape.heads * shape.headDim}};
  std::vector<Buffer> arguments = {{query.data(), result.sizes}, cacheBuffer(cache)};
  std::vector<int32_t> mask32(mask.begin(), mask.end());
  if (shape.maskBits)
    arguments.push_back({shape.maskBits == 64 ? static_cast<const void *>(mask.data()) : mask32.data(), {call.batch, total}});
  if (way == Whole) {
    arguments.push_back(result);
    kernels.run(names[1], call, threads, arguments);
    return output;
  }
  int64_t partialRows = rows * shape.heads * ((total + attentionChunk(TargetFacts()) - 1) / attentionChunk(TargetFacts()));
  std::vector<float> partials(partialRows * (shape.headDim + 2), NAN);
  arguments.push_back({partials.data(), {partialRows, shape.headDim + 2}});
  kernels.run(names[2], call, threads, arguments);
  kernels.run(names[3], call, threads, {arguments.back(), result});
  return output;
}

void test::AttentionKernels::attendPart(Way way, const std::vector<uint8_t> &cache, const Call &call, int64_t threads, int64_t thread,
                                        const std::vector<float> &query, std::vector<float> &scratch) const {
  int64_t rows = call.batch * call.seq, width = shape.heads * shape.headDim;
  int64_t partialRows = rows * shape.heads * ((call.past + call.seq + attentionChunk(TargetFacts()) - 1) / attentionChunk(TargetFacts()));
  scratch.resize(std::max(rows * width, partialRows * (shape.headDim + 2)));
  Buffer out = way == Whole ? Buffer{scratch.data(), {rows, width}} : Buffer{scratch.data(), {partialRows, shape.headDim + 2}};
  kernels.runThread(names[way == Whole ? 1 : 2], call, threads, thread, {{query.data(), {rows, width}}, cacheBuffer(cache), out});
}

AttentionProblem::AttentionProblem(const AttentionShape &shape, const Call &call, unsigned seed) : shape(shape), call(call) {
  std::mt19937 random(seed);
  auto number = [&] { return float(int32_t(random())) * 0x1p-30f; };            // -2 .. 2
  auto rounded = [&] { return shape.bits == 16 ? qnt::halfToFloat(qnt::floatToHalf(number())) : number(); };
  query.resize(call.batch * call.seq * shape.heads * shape.headDim);
  key.resize(call.batch * total() * shape.kvHeads * shape.headDim);
  value.resize(key.size());
  std::generate(query.begin(), query.end(), number);
  std::generate(key.begin(), key.end(), rounded);
  std::generate(value.begin(), value.end(), rounded);
  if (!shape.maskBits)
    return;
  mask.resize(call.batch * total());
  for (int64_t i = 0; i < int64_t(mask.size()); ++i)
    mask[i] = i % total() >= total() / 3 && random() % 4 != 0;      // padding on the left, and holes: early rows see nothing
}

std::vector<float> AttentionProblem::rows(const std::vector<float> &all, int64_t from, int64_t to) const {
  std::vector<float> part;
  int64_t width = all.size() / (call.batch * total());
  for (int64_t b = 0; b < call.batch; ++b)
    part.insert(part.end(), all.begin() + (b * total() + from) * width, all.begin() + (b * total() + to) * width);
  return part;
}

std::vector<float> AttentionProblem::cached(std::vector<float> all) const {
  if (shape.bits >= 16)
    return all;
  float levels = std::exp2(shape.bits - 1);
  for (auto head = all.begin(); head != all.end(); head += shape.headDim) {
    auto most = std::max_element(head, head + shape.headDim, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
    float scale = -*most / levels, inverse = 1 / scale;
    std::for_each(head, head + shape.headDim, [&](float &x) { x = scale * std::clamp(std::nearbyint(x * inverse), -levels, levels - 1); });
  }
  return all;
}

std::vector<double> AttentionProblem::reference(std::vector<double> &magnitude) const {
  int64_t D = shape.headDim, width = shape.heads * D, kvWidth = shape.kvHeads * D;
  std::vector<double> result(query.size(), 0.0), scores(total());
  std::vector<float> keys = cached(key), values = cached(value);
  magnitude.assign(query.size(), 0.0);
  for (int64_t row = 0; row < call.batch * call.seq; ++row)
    for (int64_t h = 0; h < shape.heads; ++h) {
      int64_t b = row / call.seq, position = call.past + row % call.seq, kvHead = h / (shape.heads / shape.kvHeads);
      const float *q = &query[row * width + h * D], *k = &keys[b * total() * kvWidth + kvHead * D], *v = &values[b * total() * kvWidth + kvHead * D];
      double most = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t t = 0; t < total(); ++t) {
        bool sees = (!shape.causal || t <= position) && (!shape.window || t > position - shape.window) && (mask.empty() || mask[b * total() + t]);
        double s = 0;
        for (int64_t d = 0; d < D; ++d)
          s += double(q[d]) * k[t * kvWidth + d];
        s *= shape.scale();
        if (shape.softcap != 0)
          s = shape.softcap * std::tanh(s / shape.softcap);
        scores[t] = sees ? s : -std::numeric_limits<double>::infinity();
        most = std::max(most, scores[t]);
      }
      for (int64_t t = 0; t < total(); ++t)
        sum += scores[t] = std::isinf(scores[t]) ? 0 : std::exp(scores[t] - most);
      for (int64_t t = 0; t < total() && sum > 0; ++t)
        for (int64_t d = 0; d < D; ++d) {
          result[row * width + h * D + d] += scores[t] / sum * v[t * kvWidth + d];
          magnitude[row * width + h * D + d] += scores[t] / sum * std::fabs(v[t * kvWidth + d]);
        }
    }
  return result;
}

double test::worstError(const std::vector<float> &actual, const std::vector<double> &expected, const std::vector<double> &magnitude) {
  double worst = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    double error = std::fabs(actual[i] - expected[i]);
    if (!(error <= 0))                                              // NaN counts
      worst = std::isnan(error) ? INFINITY : std::max(worst, error / std::max(magnitude[i], 1e-30));
  }
  return worst;
}
