// Quantization methods as data: how the codes of one weight are chosen, given its format and what is known of its inputs.
// A method is a row of lib/Quantize/Methods/Methods.def and one file beside it. `--algo` names it.
#ifndef QCC_QUANTIZE_METHOD_H
#define QCC_QUANTIZE_METHOD_H
#include "dialects/Quant/Formats/Format.h"
#include "qcc/Quantize/InputStatistics.h"
#include "qcc/Quantize/MethodParameters.h"
#include "qcc/Quantize/RequiredFormats.h"
#include <memory>

namespace qcc {
/// What a method finds out from inputs, whatever the format and the weight: see QuantizationMethod::prepare.
class MethodPreparation {
public:
  virtual ~MethodPreparation() = default;
};

/// One weight to encode. A view; owns nothing.
struct WeightProblem {
  mlir::Type element;                     // its format
  int64_t rows = 0, K = 0;
  llvm::ArrayRef<float> values;           // [rows][K], finite
  const InputStatistics *inputs = nullptr;  // null: no calibration data
  ParameterValues parameters = {};        // what users have set of those that the method declares
  const MethodPreparation *preparation = nullptr;  // what `prepare` of the same method made of these inputs and parameters; null: `encode` does without
};

class QuantizationMethod {
public:
  virtual ~QuantizationMethod() = default;
  /// As `--algo` names it.
  virtual llvm::StringRef name() const = 0;
  virtual bool needsInputs() const { return false; }   // cannot do without statistics
  virtual bool usesMoments() const { return false; }   // reads second moments where there are statistics
  /// False for what formats do by themselves: weights are then encoded as they are written.
  virtual bool choosesCodes() const { return true; }
  /// Whether it has something to choose in this format; weights of other formats are rounded to nearest.
  virtual bool handles(qnt::BlockType format) const { return true; }
  /// The formats that it is for; none: what options say, weight by weight, as far as it `handles` them.
  virtual std::optional<RequiredFormats> requiredFormats() const { return std::nullopt; }
  /// Channels of activations with a magnitude of so much are multiplied as floats (AssignActivations); 0: none.
  virtual double outlierThreshold() const { return 0; }
  /// Numbers that users may set; `encode` finds them in `WeightProblem::parameters`. Methods that read the same one return the same parameter.
  virtual llvm::ArrayRef<MethodParameter> parameters() const { return {}; }
  /// What to ask for where it handles none of a model's formats.
  virtual llvm::StringRef hint() const { return ""; }
  /// Chooses codes, scales and zero points: `out` is sized for all rows. The same bits at any number of threads (llvm::parallel::strategy).
  /// Fails when a row has no encoding (a scale that overflows f16), `why` says which and why. Where the statistics are of no use (infinite, no Cholesky
  /// factor) the weight is rounded without them, and `why` is a remark that says so; else it stays empty.
  virtual mlir::LogicalResult encode(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) const = 0;
  /// What `encode` needs of the inputs and parameters alone, for those who encode with the same ones in many formats; null where that is nothing.
  virtual std::unique_ptr<MethodPreparation> prepare(const WeightProblem &problem) const { return nullptr; }
};

/// The method named `name`, or null.
const QuantizationMethod *findMethod(llvm::StringRef name);
/// Numbers that users may set, of all methods, scaling methods too, each once.
std::vector<MethodParameter> allParameters();
/// Methods, scaling methods too, that read the parameter `name`.
std::vector<llvm::StringRef> methodsReading(llvm::StringRef name);
/// All, in the order of Methods.def.
llvm::ArrayRef<const QuantizationMethod *> allMethods();
/// What `--algo` means where it is not given.
const QuantizationMethod &defaultMethod(bool hasText);
/// One line per method, scaling methods (ScalingMethod.h) too, for `--print-methods` and messages: name, summary, what it needs.
std::string listMethods();
/// What `--algo` says for a rotation, alone or with "+<method>" behind it: the row of Methods.def.
llvm::StringRef rotationName();
/// All names on one line, for `--help`.
std::string methodNames();
} // namespace qcc
#endif
