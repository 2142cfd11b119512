// Numbers of quantization methods that users may set. A method declares them, and the command line, manifests and recipes follow.
#ifndef QCC_QUANTIZE_METHODPARAMETERS_H
#define QCC_QUANTIZE_METHODPARAMETERS_H
#include "llvm/ADT/StringMap.h"

namespace qcc {
/// A number of a method that users may set: the option `--<name>` of the command line, which other methods refuse, and which manifests and recipes repeat.
struct MethodParameter {
  llvm::StringRef name;
  double value, least, most;  // by default; both bounds are allowed
  llvm::StringRef summary;    // for `--help-hidden`, without range and default
};

/// The numbers that users have set; the others have their defaults.
class ParameterValues {
public:
  double operator[](const MethodParameter &parameter) const {
    auto set = values.find(parameter.name);
    return set == values.end() ? parameter.value : set->second;
  }
  void set(llvm::StringRef name, double value) { values[name] = value; }

private:
  llvm::StringMap<double> values;
};
} // namespace qcc
#endif
