#include "qcc/Target/Link.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/SaveAndRestore.h"
#include "llvm/TargetParser/Host.h"
#include "gtest/gtest.h"

// The linker has a number of threads of its own, which it sets for the whole process.
TEST(Link, LeavesTheNumberOfThreads) {
  llvm::SaveAndRestore restore(llvm::parallel::strategy, llvm::hardware_concurrency(3));
  llvm::Error error = qcc::linkObject({llvm::sys::getProcessTriple(), {"absent.o"}, "", "", ""}, "absent");
  EXPECT_NE(llvm::toString(std::move(error)).find("cannot open absent.o"), std::string::npos);
  EXPECT_EQ(llvm::parallel::strategy.ThreadsRequested, 3u);
}
