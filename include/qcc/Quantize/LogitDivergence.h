// How far predictions move when what reaches the head moves.
#ifndef QCC_QUANTIZE_LOGITDIVERGENCE_H
#define QCC_QUANTIZE_LOGITDIVERGENCE_H
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace qcc {
/// Logits are `head` times the inputs: a bias or another function behind it is not seen.
class LogitDivergence {
public:
  /// head[vocabulary][K].
  LogitDivergence(std::vector<float> head, int64_t K) : head(std::move(head)), K(K) {}
  /// The inputs to compare with: [positions][K].
  void setReference(llvm::ArrayRef<float> inputs);
  /// Mean over positions of KL(softmax of the reference's logits || softmax of these inputs'), in nats. The same number at any number of threads.
  double of(llvm::ArrayRef<float> inputs) const;

private:
  std::vector<float> logitsOf(llvm::ArrayRef<float> inputs) const;
  std::vector<float> head;
  int64_t K;
  std::vector<float> reference;   // logits, [positions][vocabulary]
};
} // namespace qcc
#endif
