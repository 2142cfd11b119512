// Brings every tensor of a model into one of two forms: a few raw bytes by value, or a range of a source file.
#ifndef QCC_LIB_FRONTEND_ONNX_TENSORS_H
#define QCC_LIB_FRONTEND_ONNX_TENSORS_H
#include "lib/Frontend/ONNX/ExternalData.h"
#include "lib/Frontend/ONNX/Library.h"
#include "lib/Frontend/ONNX/Problems.h"
#include "llvm/ADT/MapVector.h"
#include <map>

namespace qcc::importer {
/// Constants by value in the IR: at most this many elements. Shapes, axes and masks are integers of 32 or 64 bits or bool; other types are data.
constexpr int64_t inlineIntegers = 1024, inlineOthers = 64;

/// A tensor's place in a source file.
struct SourceRange {
  int64_t file, offset, length;
};

class Tensors {
public:
  Tensors(SourceFiles &sources, ExternalData &external, int64_t typedLimit, Problems &problems)
      : sources(sources), external(external), typedLimit(typedLimit), problems(problems) {}

  /// Checks `tensor` (dims, type, exactly the right number of bytes) and rewrites it: to raw_data if it is small enough for a constant, else (or if
  /// `isWeight`, whatever its size) to external data at "#file". Adds problems about `subject` and returns false if it is wrong.
  bool normalize(proto::TensorProto &tensor, const Subject &subject, bool isWeight = false);
  /// Call once after the last tensor: adds the file that holds values which had no raw bytes, and a problem for each file that cannot be opened.
  void finish();

  /// The range of a tensor that normalize() left outside.
  static SourceRange range(const proto::TensorProto &tensor);
  static bool isOutside(const proto::TensorProto &tensor) { return tensor.data_location() == proto::TensorProto::EXTERNAL; }

private:
  bool fail(Rule rule, const Subject &subject, std::string message);
  std::optional<SourceRange> findExternal(const proto::TensorProto &tensor, const Subject &subject, int64_t length);
  std::optional<std::string> packTyped(const proto::TensorProto &tensor, const Subject &subject, int64_t elements, int64_t length);

  struct Unopened {
    Rule rule;
    Subject first;
    std::string message;
    int64_t tensors = 0;
  };

  SourceFiles &sources;
  ExternalData &external;
  llvm::MapVector<std::string, Unopened, std::map<std::string, unsigned>> unopened;    // by location
  int64_t typedLimit;
  Problems &problems;
  std::string typed;                                 // bytes that had only typed fields, each tensor at a multiple of 64
  std::vector<std::pair<proto::TensorProto *, int64_t>> typedUsers; // and who lies where in it: the file's index is known at the end
};
} // namespace qcc::importer
#endif
