// Which format each weight gets, so that the errors of all add up to the least that a budget of bits allows: the multiple-choice knapsack problem.
// Numbers in, numbers out; what an error is, whoever measures it says.
#ifndef QCC_QUANTIZE_PRECISIONPLAN_H
#define QCC_QUANTIZE_PRECISIONPLAN_H
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace qcc {
/// One way to store a weight.
struct PrecisionCandidate {
  int64_t bits = 0;   // of all of the weight, >= 0
  double error = 0;   // finite, >= 0, in the unit of every other candidate's
};
/// What gets one format; at least one candidate.
using PrecisionItem = std::vector<PrecisionCandidate>;

struct PrecisionPlan {
  std::vector<unsigned> chosen;  // index of each item's candidate
  int64_t bits = 0;
  double error = 0;
};

/// The bits of the smallest plan.
int64_t leastBits(llvm::ArrayRef<PrecisionItem> items);

/// The error of the best plan.
double leastError(llvm::ArrayRef<PrecisionItem> items);

/// The plan of fewest bits whose error is at most `most`, or nothing where leastError exceeds it. Bits are counted as in planPrecision.
std::optional<PrecisionPlan> planForError(llvm::ArrayRef<PrecisionItem> items, double most, int64_t steps = 1 << 16);

/// The plan of least error within `budget` bits, or nothing where leastBits exceeds it. Among plans of one error, the one that gives later items fewer bits.
/// Bits are counted in at most `steps` steps: exactly where their greatest common divisor allows it, else rounded up, which never exceeds the budget and
/// may leave some of it (the rest goes where it helps most).
std::optional<PrecisionPlan> planPrecision(llvm::ArrayRef<PrecisionItem> items, int64_t budget, int64_t steps = 1 << 16);
} // namespace qcc
#endif
