#include "dialects/Quant/Formats/CodeTables.h"
#include "dialects/Quant/Formats/Half.h"
#include <algorithm>
#include <array>
#include <cmath>
using namespace qcc::qnt;

static constexpr float nf4[] = {-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
                                -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
                                0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};
static constexpr float fp4[] = {0.0f, 1.0f / 192, 2.0f / 3, 1.0f, 1.0f / 3, 0.5f, 1.0f / 6, 0.25f, -0.0f, -1.0f / 192, -2.0f / 3, -1.0f, -1.0f / 3, -0.5f, -1.0f / 6, -0.25f};
static constexpr float e2m1[] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f, -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

/// 8-bit floats: the bits of an f16 with the exponent's bias moved. E4M3 has numbers where f16 has infinities, and one NaN instead.
static std::array<float, 256> floats8(unsigned mantissaBits) {
  std::array<float, 256> values;
  for (unsigned code = 0; code < 256; ++code) {
    unsigned magnitude = code & 127;
    float value = mantissaBits == 2 ? halfToFloat(uint16_t(magnitude << 8)) : halfToFloat(uint16_t(magnitude << 7)) * 256.0f;
    if (mantissaBits == 3 && magnitude == 127)
      value = NAN;
    values[code] = code & 128 ? -value : value;
  }
  return values;
}

static CodeTable::Slopes dynamicSlopes() {
  CodeTable::Slopes slopes;
  double decade = 1e-6;
  for (int i = 0; i < 7; ++i, decade *= 10) {        // decades of 2^i values
    double parts = double(1 << i);
    slopes.slope[i + 1] = float(0.9 * decade / parts);
    slopes.start[i + 1] = float(decade * (0.45 / parts - 0.8));
  }
  slopes.start[8] = 1.0f;
  return slopes;
}

/// `perOne` integers make 1.
static CodeTable::Integers integersOf(llvm::ArrayRef<float> values, int perOne) {
  CodeTable::Integers integers;
  integers.unit = float(1.0 / perOne);
  for (size_t code = 0; code < values.size(); ++code)
    integers.values[code] = int32_t(std::lrint(double(values[code]) * perOne));
  return integers;
}

static std::array<float, 256> valuesOf(const CodeTable::Slopes &slopes) {
  std::array<float, 256> values;
  for (int code = 0; code < 256; ++code) {
    int p = std::abs(code - 127), s = p ? 1 + std::ilogb(float(p)) : 0;
    float value = std::fma(slopes.slope[s], float(p), slopes.start[s]);
    values[code] = code < 127 ? -value : value;
  }
  return values;
}

CodeTable::CodeTable(llvm::StringRef name, unsigned bits, unsigned mantissaBits, bool tiesToEven, llvm::ArrayRef<float> values, const Slopes *slopes,
                     const Integers *integers)
    : name(name), bits(bits), mantissaBits(mantissaBits), slopes(slopes), integers(integers), values(values.vec()), tiesToEven(tiesToEven) {
  for (unsigned code = 0; code < values.size(); ++code)
    if (std::isfinite(values[code]) && !(values[code] == 0 && std::signbit(values[code])))
      codes.push_back(uint8_t(code));
  std::sort(codes.begin(), codes.end(), [&](uint8_t a, uint8_t b) { return values[a] < values[b]; });
  for (uint8_t code : codes) {
    if (!sorted.empty())
      boundaries.push_back((sorted.back() + double(values[code])) / 2);
    sorted.push_back(values[code]);
  }
}

uint8_t CodeTable::encode(float x) const {
  size_t at = size_t(std::lower_bound(boundaries.begin(), boundaries.end(), double(x)) - boundaries.begin());
  bool tie = tiesToEven && at < boundaries.size() && boundaries[at] == double(x);
  return codes[tie && codes[at] % 2 ? at + 1 : at];
}

const CodeTable *qcc::qnt::codeTable(llvm::StringRef name) {
  static const CodeTable::Slopes dynamic = dynamicSlopes();
  static const CodeTable::Integers ofNf4 = integersOf(nf4, 1 << 14), ofFp4 = integersOf(fp4, 192), ofE2m1 = integersOf(e2m1, 2);
  static const CodeTable tables[] = {{"nf4", 4, 0, false, nf4, nullptr, &ofNf4}, {"fp4", 4, 0, false, fp4, nullptr, &ofFp4}, {"e2m1", 4, 0, true, e2m1, nullptr, &ofE2m1},
                                     {"e4m3", 8, 3, true, floats8(3)}, {"e5m2", 8, 2, true, floats8(2)},
                                     {"dynamic8", 8, 0, false, valuesOf(dynamic), &dynamic}};
  for (const CodeTable &table : tables)
    if (table.name == name)
      return &table;
  return nullptr;
}
