// Methods that choose scales for the input channels of linear layers, as data: what they multiply is easier to quantize, and folding (ScaleSites.h)
// keeps the function of the program. A method is a row of lib/Quantize/Methods/Methods.def and one file beside it. `--algo` names it.
#ifndef QCC_QUANTIZE_SCALINGMETHOD_H
#define QCC_QUANTIZE_SCALINGMETHOD_H
#include "qcc/Quantize/Method.h"

namespace qcc {
class ScalingMethod {
public:
  virtual ~ScalingMethod() = default;
  /// As `--algo` names it.
  virtual llvm::StringRef name() const = 0;
  virtual bool usesMoments() const = 0;           // reads second moments
  /// Whether inputs that another linear layer makes are scaled, too; those of norms always are.
  virtual bool scalesLinearInputs() const = 0;
  /// The method that chooses codes where `--algo` names none.
  virtual llvm::StringRef codes() const = 0;
  /// As QuantizationMethod::parameters.
  virtual llvm::ArrayRef<MethodParameter> parameters() const { return {}; }
  /// Scales [K], above 0 and finite, for weights that read the same inputs: `readers` have the same K and the same statistics. `codes` chooses the codes of
  /// the scaled weights. The same bits at any number of threads (llvm::parallel::strategy). Fails when a row has no encoding; `why` says which. Else it may be a remark: statistics of no use, all 1.
  virtual llvm::FailureOr<std::vector<float>> choose(llvm::ArrayRef<WeightProblem> readers, const QuantizationMethod &codes, const ParameterValues &parameters,
                                                      std::string &why) const = 0;
};

/// All, in the order of Methods.def.
llvm::ArrayRef<const ScalingMethod *> allScalingMethods();
/// The method named `name`, or null.
const ScalingMethod *findScalingMethod(llvm::StringRef name);
} // namespace qcc
#endif
