// How long the rest takes, from how long the parts before took.
#include "lib/Compiler/Phases.h"
#include <gtest/gtest.h>
using namespace qcc;
using std::chrono::seconds;

TEST(PhasesTest, TimeLeftFollowsFromWhatIsDone) {
  EXPECT_EQ(timeLeftText(seconds(10), 11, 50), "about 40 s left");     // 10 parts in 10 s, 40 are left
  EXPECT_EQ(timeLeftText(seconds(60), 2, 10), "about 9 min left");
  EXPECT_EQ(timeLeftText(seconds(10), 100, 100), "about 1 s left");
}

TEST(PhasesTest, TheFirstPartSaysNothing) {
  EXPECT_EQ(timeLeftText(seconds(10), 1, 50), "");
  EXPECT_EQ(timeLeftText(seconds(10), 51, 50), "");                    // more parts than there were said to be
}
