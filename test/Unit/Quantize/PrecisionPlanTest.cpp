// The knapsack against trying everything, its ties, and budgets that are impossible, generous or too fine to count exactly.
#include "qcc/Quantize/PrecisionPlan.h"
#include <gtest/gtest.h>
#include <random>
using namespace qcc;

namespace {
/// Every choice of every item.
struct Exhaustive {
  llvm::ArrayRef<PrecisionItem> items;
  int64_t budget;
  double least = INFINITY;

  void run(size_t i = 0, int64_t bits = 0, double error = 0) {
    if (bits > budget)
      return;
    if (i == items.size()) {
      least = std::min(least, error);
      return;
    }
    for (const PrecisionCandidate &candidate : items[i])
      run(i + 1, bits + candidate.bits, error + candidate.error);
  }
};

std::vector<PrecisionItem> randomItems(std::mt19937 &random, size_t count, int64_t unit) {
  std::vector<PrecisionItem> items(count);
  for (PrecisionItem &item : items)
    for (int c = 0, n = 1 + int(random() % 5); c < n; ++c)
      item.push_back({int64_t(1 + random() % 40) * unit, double(random() % 1000)});
  return items;
}

void expectConsistent(llvm::ArrayRef<PrecisionItem> items, const PrecisionPlan &plan, int64_t budget) {
  ASSERT_EQ(plan.chosen.size(), items.size());
  int64_t bits = 0;
  double error = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    ASSERT_LT(plan.chosen[i], items[i].size());
    bits += items[i][plan.chosen[i]].bits;
    error += items[i][plan.chosen[i]].error;
  }
  EXPECT_EQ(bits, plan.bits);
  EXPECT_EQ(error, plan.error);
  EXPECT_LE(bits, budget);
}
} // namespace

TEST(PrecisionPlanTest, IsTheBestOfAllWithinTheBudget) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    int64_t unit = i % 2 ? 1 : 512;
    std::vector<PrecisionItem> items = randomItems(random, 1 + random() % 6, unit);
    int64_t budget = leastBits(items) + int64_t(random() % 80) * unit;
    std::optional<PrecisionPlan> plan = planPrecision(items, budget);
    ASSERT_TRUE(plan);
    expectConsistent(items, *plan, budget);
    Exhaustive all{items, budget};
    all.run();
    EXPECT_EQ(plan->error, all.least) << "problem " << i;
  }
}

TEST(PrecisionPlanTest, FewestBitsForAnError) {
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    int64_t unit = i % 2 ? 1 : 512;
    std::vector<PrecisionItem> items = randomItems(random, 1 + random() % 6, unit);
    double most = leastError(items) + double(random() % 1500);
    std::optional<PrecisionPlan> plan = planForError(items, most);
    ASSERT_TRUE(plan);
    expectConsistent(items, *plan, plan->bits);
    EXPECT_LE(plan->error, most);
    Exhaustive fewer{items, plan->bits - 1};
    fewer.run();
    EXPECT_GT(fewer.least, most) << "problem " << i;
    std::optional<PrecisionPlan> coarse = planForError(items, most, /*steps=*/8);
    ASSERT_TRUE(coarse);
    EXPECT_LE(coarse->error, most);
  }
}

TEST(PrecisionPlanTest, ImpossibleErrorHasNoPlan) {
  std::vector<PrecisionItem> items = {{{32, 4.0}, {64, 1.0}}, {{32, 2.0}}};
  EXPECT_EQ(leastError(items), 3);
  EXPECT_TRUE(planForError(items, 3));
  EXPECT_FALSE(planForError(items, 2.999));
  EXPECT_FALSE(planForError(items, std::nan("")));
}

TEST(PrecisionPlanTest, CoarseStepsNeverExceedTheBudget) {
  std::mt19937 random(2);
  for (int i = 0; i < 200; ++i) {
    std::vector<PrecisionItem> items = randomItems(random, 6, 1);
    int64_t budget = leastBits(items) + int64_t(random() % 80);
    std::optional<PrecisionPlan> plan = planPrecision(items, budget, /*steps=*/8);
    ASSERT_TRUE(plan);
    expectConsistent(items, *plan, budget);
  }
}

// Rounded up to one step of all of the slack, only one item could grow; what is left of the budget serves the other.
TEST(PrecisionPlanTest, WhatRoundingLeavesIsSpent) {
  std::vector<PrecisionItem> items(2, {{10, 5}, {14, 1}});
  EXPECT_EQ(planPrecision(items, 29, /*steps=*/1)->error, 2);
}

TEST(PrecisionPlanTest, ImpossibleBudgetHasNoPlan) {
  std::vector<PrecisionItem> items = {{{30, 1}, {20, 2}}, {{10, 0}}};
  EXPECT_EQ(leastBits(items), 30);
  EXPECT_FALSE(planPrecision(items, 29));
  EXPECT_FALSE(planPrecision(items, -1));
  EXPECT_EQ(planPrecision(items, 30)->chosen, (std::vector<unsigned>{1, 0}));
}

TEST(PrecisionPlanTest, GenerousBudgetBuysTheLeastErrorNotTheMostBits) {
  std::vector<PrecisionItem> items = {{{8, 0.5}, {4, 0.25}, {2, 1}}};
  std::optional<PrecisionPlan> plan = planPrecision(items, INT64_MAX);
  EXPECT_EQ(plan->chosen, std::vector<unsigned>{1});
  EXPECT_EQ(plan->bits, 4);
}

TEST(PrecisionPlanTest, TiesGiveTheBitsToTheEarlier) {
  std::vector<PrecisionItem> items(4, {{2, 3}, {3, 1}});
  EXPECT_EQ(planPrecision(items, 10)->chosen, (std::vector<unsigned>{1, 1, 0, 0}));
}

TEST(PrecisionPlanTest, NothingToChooseIsAPlan) {
  EXPECT_TRUE(planPrecision({}, 0));
  EXPECT_FALSE(planPrecision({}, -1));
}
