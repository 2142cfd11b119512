// What codes stand for where they are no integers: the tables that `!qnt.block<element = table, table = "..">` names.
#ifndef QCC_DIALECTS_QUANT_FORMATS_CODETABLES_H
#define QCC_DIALECTS_QUANT_FORMATS_CODETABLES_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace qcc::qnt {
/// nf4   NormalFloat, quantiles of a normal distribution (QLoRA, arXiv 2305.14314, appendix E)
/// fp4   the 4-bit float of bitsandbytes: 0, 1/192 and six values from 1/6 to 1, both signs
/// e2m1  FP4 of the microscaling formats (OCP MX v1.0, section 5.3.3): 0, .5, 1, 1.5, 2, 3, 4, 6, both signs
/// dynamic8  the signed dynamic map of bitsandbytes (arXiv 2110.02861, section 1.3), ascending: 0 is code 127, and p codes from it,
///       2^i <= p < 2^(i+1), is 10^(i-6) times the middle of the (p - 2^i)-th of 2^i parts of [0.1, 1]; 128 is 1. Computed as `slopes` say, within 2^-19
/// e4m3  FP8 without infinities (OCP 8-bit floating point, largest 448), e5m2 the other one (largest finite 57344)
class CodeTable {
public:
  /// What a table of 256 values is made of where it is linear between powers of two: p codes from code 127 stands for
  /// fma(slope[s], p, start[s]) above it and the negative of that below; s = 0 for p = 0, else 1 + log2(p) rounded down.
  struct Slopes {
    std::array<float, 16> slope{}, start{};
  };
  /// What products with integer activations take for a table of 16 values: value = integer * unit. Exact for e2m1 (halves) and, but for the rounding of
  /// its values to f32, fp4 (parts of 192); for nf4 within 2^-15 of the largest value, less than a thousandth of the distance to the next one.
  struct Integers {
    std::array<int32_t, 16> values{};                // the largest less the smallest fits 16 bits
    float unit = 1;
    int64_t smallest() const { return *std::min_element(values.begin(), values.end()); }
    int64_t largest() const { return *std::max_element(values.begin(), values.end()); }
  };
  CodeTable(llvm::StringRef name, unsigned bits, unsigned mantissaBits, bool tiesToEven, llvm::ArrayRef<float> values, const Slopes *slopes = nullptr,
            const Integers *integers = nullptr);

  const llvm::StringRef name;
  const unsigned bits;
  const unsigned mantissaBits;                       // 8-bit floats: sign, exponent and this many bits of mantissa; else 0
  const Slopes *const slopes;                        // or null
  const Integers *const integers;                    // or null
  const std::vector<float> values;                   // [2^bits]; NaN and infinity where a code stands for no number
  float largest() const { return float(sorted.back()); }  // finite
  /// The code of the value nearest to `x`; past the largest value, that one's. Halfway between two: the even code, or the smaller value
  /// (`tiesToEven`). Never the code of NaN, infinity or -0. `x` is no NaN.
  uint8_t encode(float x) const;

private:
  const bool tiesToEven;
  std::vector<double> sorted, boundaries;            // values ascending; the middle of each two neighbours, exact
  std::vector<uint8_t> codes;                        // of `sorted`
};

/// The table named `name`, or null.
const CodeTable *codeTable(llvm::StringRef name);
} // namespace qcc::qnt
#endif
