// A program written by hand in place of compiled code, so that the runtime is tested alone, and weights files to go with it.
#ifndef QCC_TEST_UNIT_RUNTIME_FAKEPROGRAM_H
#define QCC_TEST_UNIT_RUNTIME_FAKEPROGRAM_H
#include <cstdint>
#include <pthread.h>
#include <string>
#include <vector>
extern "C" {
#include "lib/Runtime/Cpu.h"
#include "lib/Runtime/Model.h"
#include "lib/Runtime/Pool.h"
#include "lib/Runtime/Sha256.h"
#include "lib/Runtime/Weights.h"
#include "qcc/Runtime/Features.h"
}

namespace fake {
constexpr int64_t Vocabulary = 11, Context = 2000;

/// The bytes of a weights file whose sections hold `sections`.
std::vector<uint8_t> weightsFile(const std::vector<std::vector<uint8_t>> &sections);

/// A toy "language model": the logit of v after tokens t0..ti is weight * ((sum of j * tj) mod 11 == v), where the sum comes from
/// state that earlier calls wrote. Rows are shared among the threads, with a barrier between writing state and reading it.
/// `keep`: it has the dimension of that name. `weights` is the file it wants. Region 0 (100 bytes of weights, 7 multiply-adds for each row) is
/// the writing, region 1 never runs.
struct StateProgram {
  explicit StateProgram(bool keep, float weight = 1.0f);
  qcc_program program;
  std::vector<uint8_t> weights;
  std::string path;                                           // of the file with these weights
  ~StateProgram();
  static float logit(const std::vector<int64_t> &tokens, size_t last, int64_t v, float weight = 1.0f);
};

/// Without state: y[n, m] = x[n, m] + n * k where k [m] is another input.
extern const qcc_program PlainProgram;

/// KV cache as inputs and outputs: present = past, then x: y[b, seq], past [b, past], present [b, total]; y = total for every position.
extern const qcc_program CacheProgram;

/// Entries called since the last reset, by name, e.g. "long long short decode ".
extern std::string calls;
} // namespace fake
#endif
