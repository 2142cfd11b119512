// Dynamic programming over bits beyond the smallest plan's (Dudzinski & Walukiewicz, Exact methods for the knapsack problem and its generalizations, 1987).
#include "qcc/Quantize/PrecisionPlan.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <numeric>
using namespace qcc;
using llvm::ArrayRef;

namespace {
/// An item's candidate that no other beats in both bits and error.
struct Useful {
  unsigned index;
  int64_t extra;      // bits beyond the item's smallest candidate
  double error;
};
using UsefulItem = std::vector<Useful>;
} // namespace

static int64_t leastBits(const PrecisionItem &item) {
  return llvm::min_element(item, [](const PrecisionCandidate &a, const PrecisionCandidate &b) { return a.bits < b.bits; })->bits;
}

int64_t qcc::leastBits(ArrayRef<PrecisionItem> items) {
  int64_t bits = 0;
  for (const PrecisionItem &item : items)
    bits += ::leastBits(item);
  return bits;
}

double qcc::leastError(ArrayRef<PrecisionItem> items) {
  double error = 0;
  for (const PrecisionItem &item : items)
    error += llvm::min_element(item, [](const PrecisionCandidate &a, const PrecisionCandidate &b) { return a.error < b.error; })->error;
  return error;
}

/// By rising bits and falling error.
static UsefulItem usefulOf(const PrecisionItem &item) {
  std::vector<unsigned> order(item.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](unsigned a, unsigned b) { return std::tuple(item[a].bits, item[a].error, a) < std::tuple(item[b].bits, item[b].error, b); });
  UsefulItem useful;
  for (unsigned index : order)
    if (useful.empty() || item[index].error < useful.back().error)
      useful.push_back({index, item[index].bits - item[order.front()].bits, item[index].error});
  return useful;
}

/// Bits of a step: what divides all, unless those would be too many steps.
static int64_t unitOf(ArrayRef<UsefulItem> items, int64_t slack, int64_t steps) {
  int64_t unit = 0;
  for (const UsefulItem &item : items)
    for (const Useful &candidate : item)
      unit = std::gcd(unit, candidate.extra);
  return std::max<int64_t>({1, unit, int64_t(llvm::divideCeil(slack, steps))});
}

/// The candidates of least error within `slack` bits, counted in whole units; with `most`, those of fewest bits whose error is no more, if there are any.
static std::vector<unsigned> solve(ArrayRef<UsefulItem> items, int64_t slack, int64_t unit, std::optional<double> most = std::nullopt) {
  int64_t steps = slack / unit;
  std::vector<double> least(steps + 1), next(steps + 1);         // of the items so far, within so many steps
  std::vector<std::vector<uint16_t>> choices;
  for (const UsefulItem &item : items) {
    std::vector<uint16_t> &choice = choices.emplace_back(steps + 1);
    for (int64_t s = 0; s <= steps; ++s)
      next[s] = least[s] + item[0].error;
    for (unsigned c = 1; c < item.size(); ++c) {
      int64_t extra = llvm::divideCeil(item[c].extra, unit);
      for (int64_t s = extra; s <= steps; ++s)
        if (double error = least[s - extra] + item[c].error; error < next[s]) {
          next[s] = error;
          choice[s] = uint16_t(c);
        }
    }
    std::swap(least, next);
  }
  std::vector<unsigned> chosen(items.size());
  size_t enough = size_t(steps);
  if (most)
    enough = size_t(std::min<int64_t>(steps, llvm::find_if(least, [&](double error) { return error <= *most; }) - least.begin()));
  for (size_t i = items.size(), s = enough; i-- > 0;) {
    chosen[i] = choices[i][s];
    s -= llvm::divideCeil(items[i][chosen[i]].extra, unit);
  }
  return chosen;
}

/// What rounding up has left goes, again and again, where an error falls most.
static void spendRest(ArrayRef<UsefulItem> items, int64_t slack, std::vector<unsigned> &chosen) {
  for (size_t i = 0; i < items.size(); ++i)
    slack -= items[i][chosen[i]].extra;
  for (;;) {
    double gain = 0;
    size_t at = 0;
    unsigned better = 0;
    for (size_t i = 0; i < items.size(); ++i)
      for (unsigned c = chosen[i] + 1; c < items[i].size() && items[i][c].extra - items[i][chosen[i]].extra <= slack; ++c)
        if (double fall = items[i][chosen[i]].error - items[i][c].error; fall > gain) {
          gain = fall;
          at = i;
          better = c;
        }
    if (gain == 0)
      return;
    slack -= items[at][better].extra - items[at][chosen[at]].extra;
    chosen[at] = better;
  }
}

/// What is left of each item, and the most bits that all can take beyond their least.
static std::pair<std::vector<UsefulItem>, int64_t> usefulItems(ArrayRef<PrecisionItem> items) {
  std::vector<UsefulItem> useful;
  int64_t most = 0;
  for (const PrecisionItem &item : items) {
    useful.push_back(usefulOf(item));
    most += useful.back().back().extra;
  }
  return {std::move(useful), most};
}

static PrecisionPlan planOf(ArrayRef<PrecisionItem> items, ArrayRef<UsefulItem> useful, ArrayRef<unsigned> chosen) {
  PrecisionPlan plan;
  for (size_t i = 0; i < items.size(); ++i) {
    plan.chosen.push_back(useful[i][chosen[i]].index);
    plan.bits += items[i][plan.chosen[i]].bits;
    plan.error += items[i][plan.chosen[i]].error;
  }
  return plan;
}

std::optional<PrecisionPlan> qcc::planForError(ArrayRef<PrecisionItem> items, double most, int64_t steps) {
  if (!(leastError(items) <= most))
    return std::nullopt;
  auto [useful, slack] = usefulItems(items);
  int64_t unit = unitOf(useful, slack, steps);
  return planOf(items, useful, solve(useful, slack + int64_t(items.size()) * unit, unit, most));   // each item may be rounded up by a unit
}

std::optional<PrecisionPlan> qcc::planPrecision(ArrayRef<PrecisionItem> items, int64_t budget, int64_t steps) {
  int64_t slack = budget - leastBits(items);
  if (slack < 0)
    return std::nullopt;
  auto [useful, most] = usefulItems(items);
  slack = std::min(slack, most);
  std::vector<unsigned> chosen = solve(useful, slack, unitOf(useful, slack, steps));
  spendRest(useful, slack, chosen);
  return planOf(items, useful, chosen);
}
