#include "MatmulProblem.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/MathExtras.h"
#include <random>
using namespace qcc;
using namespace qcc::test;
using kernel::PanelLayout;

static qnt::ScaleKind storedKind(const PanelLayout &layout) {
  switch (layout.kind) {
  case PanelLayout::Kind::F32:
    return qnt::ScaleKind::F32;
  case PanelLayout::Kind::F16:
    return qnt::ScaleKind::F16;
  case PanelLayout::Kind::BF16:
    return qnt::ScaleKind::BF16;
  case PanelLayout::Kind::Codes:
    return layout.scale;
  }
  llvm_unreachable("all kinds are covered");
}

// Nearest, ties to even, as activations are rounded; or ties away from zero, as weights are.
static float toBf16(float x, bool even) {
  uint32_t bits = llvm::bit_cast<uint32_t>(x);
  bits += even ? 0x7fff + (bits >> 16 & 1) : 0x8000;
  return llvm::bit_cast<float>(bits & 0xffff0000);
}

MatmulProblem::MatmulProblem(mlir::Type element, unsigned lanes, int64_t m, int64_t n, int64_t k, int64_t activationGroup, unsigned seed)
    : layout(*PanelLayout::get(element, lanes, [&] { return mlir::emitError(mlir::UnknownLoc::get(element.getContext())); })), m(m), n(n), k(k), activationGroup(activationGroup) {
  std::mt19937 random(seed);
  auto uniform = [&](int low, int high) { return int(random() % unsigned(high - low + 1)) + low; };
  rows.reset(element, 0, n, k);
  qnt::ScaleKind kind = storedKind(layout);
  for (float &v : rows.values)
    v = qnt::roundToScale(float(uniform(-4000, 4000)) / 2048, kind);
  for (uint8_t &c : rows.codes)
    c = uint8_t(uniform(0, (1 << layout.bits) - 1));
  for (uint8_t &c : rows.codes)
    if (layout.table && !std::isfinite(layout.table->values[c]))
      c = 0;
  for (float &s : rows.scales)
    s = qnt::roundToScale(float(uniform(1, 2000)) / 65536, kind);
  if (layout.numbers()) {                            // codes of positive scales
    std::vector<float> numbers(layout.numbers());
    for (float &number : numbers)
      number = float(uniform(1, 2000)) / 65536;
    rows.setNumbers(numbers);
    for (auto [i, code] : llvm::enumerate(rows.scaleCodes)) {
      code = uint8_t(uniform(1, 126));
      rows.scales[i] = qnt::decodeScale(kind, code, numbers);
    }
  }
  for (uint8_t &s : rows.subScales)
    s = uint8_t(uniform(0, layout.hasShift() ? 12 : (1 << layout.subBits) - 1));  // 12: with any shift, 4-bit codes give bytes
  for (float &v : rows.mins)
    v = qnt::roundToScale(float(uniform(-2000, 200)) / 65536, kind);
  for (uint8_t &s : rows.subMins)
    s = uint8_t(uniform(0, (1 << layout.subBits) - 1));
  for (uint8_t &z : rows.zeros)
    z = uint8_t(uniform(0, (1 << layout.bits) - 1));
  for (float &z : rows.floatZeros)
    z = qnt::roundToScale(float(uniform(0, (4 << layout.bits) - 1)) / 4, kind);

  packed.resize(layout.bytes(n, k) + 64, 0xff);
  weights = reinterpret_cast<uint8_t *>(llvm::alignTo(reinterpret_cast<uintptr_t>(packed.data()), 64));
  kernel::packPanels(layout, rows.view, weights);
  qnt::packNumbers(rows.numbers, weights + layout.panels(n) * layout.panelBytes(k));

  int64_t padded = layout.isCodes() ? layout.paddedK(k) : llvm::alignTo(k, 32);
  codes.assign(m * padded, 0);
  int64_t groups = activationGroup < 0 ? 1 : (padded + activationGroup - 1) / activationGroup;
  scales.assign(m * groups, 0);
  for (int64_t row = 0; row < m; ++row)
    for (int64_t i = 0; i < k; ++i) {
      int8_t code = int8_t(uniform(-127, 127));
      codes[row * padded + i] = code;
      if (activationGroup < 0 ? i == 0 : i % activationGroup == 0)
        scales[row * groups + (activationGroup < 0 ? 0 : i / activationGroup)] = float(uniform(1, 1 << 20)) / (1 << 26);
      floats.push_back(float(uniform(-(1 << 20), 1 << 20)) / (1 << 20));
    }
  tiles.assign(llvm::alignTo(m, 16) * padded, 0);
  for (int64_t row = 0; row < m; ++row)
    for (int64_t i = 0; i < k; ++i)
      tiles[row / 16 * 16 * padded + i / 32 * 512 + row % 16 * 32 + i % 32] = uint16_t(llvm::bit_cast<uint32_t>(toBf16(floats[row * k + i], true)) >> 16);
  for (int64_t i = 0; i < n; ++i)
    bias.push_back(float(uniform(-1000, 1000)) / 512);
  for (int64_t i = 0; i < m * n; ++i)
    addend.push_back(float(uniform(-1000, 1000)) / 512);
}

const std::vector<int32_t> &MatmulProblem::sums(int64_t group) const {
  int64_t padded = paddedK(), length = group < 0 ? padded : group, perRow = (padded + length - 1) / length;
  std::vector<int32_t> &sums = sumsOf[group];
  if (sums.empty()) {
    sums.assign(m * perRow, 0);
    for (int64_t i = 0; i < m * padded; ++i)
      sums[i / padded * perRow + i % padded / length] += codes[i];
  }
  return sums;
}

const MatmulProblem::Together &MatmulProblem::together(unsigned length) const {
  Together &t = togetherOf[length];
  int64_t padded = paddedK(), groups = scales.size() / m;
  auto place = [&](int64_t row, int64_t i, int64_t piece, int64_t stride) {
    return row < m / 4 * 4 ? row / 4 * 4 * stride + i / piece * piece * 4 + row % 4 * piece + i % piece : row * stride + i;
  };
  t.codes.resize(codes.size());
  t.scales.resize(scales.size());
  for (int64_t row = 0; row < m; ++row) {
    for (int64_t i = 0; i < padded; ++i)
      t.codes[place(row, i, length, padded)] = codes[row * padded + i];
    for (int64_t i = 0; i < groups; ++i)
      t.scales[place(row, i, 1, groups)] = scales[row * groups + i];
  }
  return t;
}

MatmulCall MatmulProblem::call(const kernel::MatmulSpec &spec, float *output) const {
  MatmulCall c;
  c.weights = weights;
  c.input = spec.intActivations ? static_cast<const void *>(codes.data()) : floats.data();
  c.inputStride = spec.intActivations || spec.bf16 ? paddedK() : k;
  if (spec.bf16)
    c.input = tiles.data();
  c.scales = scales.data();
  if (spec.together) {
    c.input = together(spec.together).codes.data();
    c.scales = together(spec.together).scales.data();
  }
  c.scaleStride = scales.size() / m;
  c.sums = sums(spec.sumGroup).data();
  c.sumStride = sums(spec.sumGroup).size() / m;
  c.output = output;
  c.outputStride = c.addendStride = n;
  c.m = m;
  c.n = n;
  c.k = k;
  c.panelEnd = layout.panels(n);
  c.bias = bias.data();
  c.addend = addend.data();
  return c;
}

float MatmulProblem::integerResult(const kernel::MatmulSpec &spec, int64_t row, int64_t column) const {
  int64_t step = spec.run() < 0 ? k : spec.run(), perRow = scales.size() / m, groups = layout.groups(k), numScales = layout.scales(k);
  float y = 0;
  for (int64_t k0 = 0; k0 < k; k0 += step) {
    int64_t end = std::min(k0 + step, k), group = column * groups + (layout.perRow() ? 0 : k0 / layout.group);
    int64_t stored = column * numScales + (layout.perRow() ? 0 : k0 / layout.scaleK()), dot = 0, sum = 0;
    for (int64_t i = k0; i < end; ++i) {
      int64_t a = codes[row * paddedK() + i], of = column * groups + (layout.perRow() ? 0 : i / layout.group);
      int64_t zero = layout.zero == qnt::ZeroKind::Int ? rows.zeros[of] : layout.implicitZero();
      uint8_t code = rows.codes[column * k + i];
      if (layout.hasShift() && spec.hasSubscales())
        dot += a * shiftedMinimum(of);
      dot += (layout.table ? layout.table->integers->values[code] : code - zero) * a * (spec.hasSubscales() ? subScale(of) : 1);
      sum += a * (spec.hasSubscales() && layout.hasMin() ? rows.subMins[of] : 1);
    }
    float activationScale = scales[row * perRow + (activationGroup < 0 ? 0 : k0 / activationGroup)], scale = rows.scales[stored];
    float min = layout.hasMin() ? rows.mins[stored] : layout.hasShift() ? rows.scales[stored] * float(shiftedMinimum(group)) : 0.0f;
    if (layout.table)
      activationScale *= layout.table->integers->unit;
    if (layout.super && !spec.hasSubscales()) {
      scale *= float(subScale(group));
      min *= layout.hasMin() ? float(rows.subMins[group]) : 1.0f;
    }
    scale *= activationScale;
    if (layout.zero == qnt::ZeroKind::Float)
      y = std::fma(std::fma(-rows.floatZeros[group], float(sum), float(dot)), scale, y);
    else
      y = std::fma(float(int32_t(dot)), scale, y);
    if (layout.hasMin() || (layout.hasShift() && !spec.hasSubscales()))
      y = std::fma(float(int32_t(sum)) * activationScale, min, y);
  }
  if (spec.bias)
    y += bias[column];
  return spec.addend ? y + addend[row * n + column] : y;
}

int64_t MatmulProblem::subScale(int64_t group) const {
  return int64_t(rows.subScales[group]) - (layout.signedSub ? int64_t(1) << (layout.subBits - 1) : 0);
}

int64_t MatmulProblem::shiftedMinimum(int64_t group) const {
  double moved = std::floor(rows.subScales[group] * (rows.subMins[group] - 8.0) * double(1 << layout.bits) / 64);
  return int64_t(moved) - rows.subScales[group] * (int64_t(1) << (layout.bits - 1));
}

double MatmulProblem::weight(int64_t column, int64_t i) const {
  if (!layout.isCodes())
    return rows.values[column * k + i];
  int64_t groups = layout.groups(k), group = layout.perRow() ? 0 : i / layout.group;
  double zero = layout.zero == qnt::ZeroKind::None  ? double(layout.implicitZero())
                : layout.zero == qnt::ZeroKind::Int ? rows.zeros[column * groups + group]
                : layout.hasMin() || layout.hasShift() ? 0
                                                    : rows.floatZeros[column * groups + group];
  int64_t stored = column * layout.scales(k) + (layout.perRow() ? 0 : i / layout.scaleK());
  double scale = rows.scales[stored];
  if (layout.super)
    scale *= double(subScale(column * groups + group));
  if (layout.hasShift())
    return rows.codes[column * k + i] * scale + rows.scales[stored] * double(shiftedMinimum(column * groups + group));
  if (layout.hasMin())
    return rows.codes[column * k + i] * scale + rows.mins[stored] * double(layout.super ? rows.subMins[column * groups + group] : 1);
  if (layout.table)
    return layout.table->values[rows.codes[column * k + i]] * scale;
  return (rows.codes[column * k + i] - zero) * scale;
}

double MatmulProblem::result(const kernel::MatmulSpec &spec, int64_t row, int64_t column, bool rounded, double &magnitude) const {
  double y = 0;
  magnitude = 0;
  for (int64_t i = 0; i < k; ++i) {
    double w = weight(column, i), x = floats[row * k + i];
    double product = rounded ? double(toBf16(float(w), false)) * toBf16(float(x), true) : w * x;
    y += product;
    magnitude += std::abs(product);
  }
  for (double extra : {spec.bias ? bias[column] : 0.0f, spec.addend ? addend[row * n + column] : 0.0f}) {
    y += extra;
    magnitude += std::abs(extra);
  }
  return y;
}

double MatmulProblem::floatResult(const kernel::MatmulSpec &spec, int64_t row, int64_t column, double &magnitude) const {
  return result(spec, row, column, false, magnitude);
}
double MatmulProblem::roundedResult(const kernel::MatmulSpec &spec, int64_t row, int64_t column, double &magnitude) const {
  return result(spec, row, column, true, magnitude);
}
