// What a row of the operator tables needs beside its handler.
#include "lib/Frontend/Ops/GenericOps.h"
#include <gtest/gtest.h>
using namespace qcc::frontend;

// Without one, a handler refuses every model with a runtime dimension: the shape of its result would be unknown.
template <typename Families> static void expectShapeRules(const Families &families) {
  for (const auto &family : families)
    for (const auto &row : family)
      EXPECT_TRUE(Elements::hasShapeRule(row.domain, row.op)) << row.domain.str() << "." << row.op.str() << ": add its rule in lib/Frontend/Symbolic/ShapeRules.cpp";
}
TEST(OperatorRows, EveryGenericOperatorHasAShapeRule) { expectShapeRules(genericFamilies()); }
TEST(OperatorRows, EveryFusedOperatorHasAShapeRule) { expectShapeRules(fusedFamilies()); }

TEST(OperatorRows, RulesBelongToADomain) {
  EXPECT_TRUE(Elements::hasShapeRule("", "Pad"));
  EXPECT_FALSE(Elements::hasShapeRule("com.microsoft", "Pad"));
  EXPECT_FALSE(Elements::hasShapeRule("acme", "Pad"));
}
