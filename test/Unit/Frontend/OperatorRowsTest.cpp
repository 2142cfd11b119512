// What a row of the operator tables needs beside its handler.
#include "lib/Frontend/Ops/GenericOps.h"
#include <gtest/gtest.h>
using namespace qcc::frontend;

// Without one, a handler refuses every model with a runtime dimension: the shape of its result would be unknown.
TEST(OperatorRows, EveryGenericOperatorHasAShapeRule) {
  for (llvm::ArrayRef<GenericRow> family : genericFamilies())
    for (const GenericRow &row : family)
      EXPECT_TRUE(Elements::hasShapeRule(row.op)) << row.op.str() << ": add its rule to ruleFor in lib/Frontend/Symbolic/Shapes.cpp";
}
