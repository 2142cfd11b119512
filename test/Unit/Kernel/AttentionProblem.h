// Attention over a cache with random contents: compiled kernels, and the same in plain scalar C++ and double precision.
#ifndef QCC_TEST_UNIT_KERNEL_ATTENTIONPROBLEM_H
#define QCC_TEST_UNIT_KERNEL_ATTENTIONPROBLEM_H
#include "CompiledKernels.h"
namespace qcc::test {

struct AttentionShape {
  int64_t heads = 8, kvHeads = 4, headDim = 64;
  int bits = 16;                                                    // the cache's element: f32, f16, or codes of 8 or 4 bits
  bool causal = true;
  int64_t window = 0;
  float softcap = 0;
  int maskBits = 0;                                                 // 0: no key mask; 32 or 64
  unsigned lanes = 16;
  float scale() const;
  int64_t bytesPerToken() const { return 2 * kvHeads * (headDim * bits / 8 + (bits < 16 ? 4 : 0)); }
};

/// The kernels for one shape.
class AttentionKernels {
public:
  explicit AttentionKernels(const AttentionShape &shape);
  const AttentionShape shape;

  /// A cache for `batch` rows and `context` tokens, filled with NaN.
  std::vector<uint8_t> makeCache(int64_t batch, int64_t context) const;
  void update(std::vector<uint8_t> &cache, const Call &call, int64_t threads, const std::vector<float> &key, const std::vector<float> &value) const;
  enum Way { Whole, Chunks };
  std::vector<float> attend(Way way, const std::vector<uint8_t> &cache, const Call &call, int64_t threads, const std::vector<float> &query,
                            const std::vector<int64_t> &mask) const;
  /// One thread's part of the first kernel of a way, for timing. `scratch` is kept between calls.
  void attendPart(Way way, const std::vector<uint8_t> &cache, const Call &call, int64_t threads, int64_t thread, const std::vector<float> &query,
                  std::vector<float> &scratch) const;

private:
  Buffer cacheBuffer(const std::vector<uint8_t> &cache) const;
  std::string names[4];                                             // update, whole, chunks, merge
  CompiledKernels kernels;
};

/// `total` tokens of every batch row, of f16 already rounded; queries are the last `call.seq` positions.
struct AttentionProblem {
  AttentionShape shape;
  Call call;
  std::vector<float> query, key, value;                             // [batch][seq][heads*D], [batch][total][kvHeads*D]
  std::vector<int64_t> mask;                                        // [batch][total], or empty
  AttentionProblem(const AttentionShape &shape, const Call &call, unsigned seed = 1);
  int64_t total() const { return call.past + call.seq; }
  /// Rows [from, to) of every batch row of `all` [batch][total][width].
  std::vector<float> rows(const std::vector<float> &all, int64_t from, int64_t to) const;
  /// What a cache gives back for keys (or values) [batch][total][kvHeads*D].
  std::vector<float> cached(std::vector<float> all) const;
  /// The result, and in `magnitude` the sum of weight * |value| that bounds the error.
  std::vector<double> reference(std::vector<double> &magnitude) const;
};

/// Largest |actual - expected| / magnitude.
double worstError(const std::vector<float> &actual, const std::vector<double> &expected, const std::vector<double> &magnitude);
} // namespace qcc::test
#endif
