// The table of methods, and their common tools.
#include "Methods.h"
#include "llvm/Support/Parallel.h"
#include <cmath>
using namespace mlir;
using namespace qcc;

static ArrayRef<const QuantizationMethod *> methods() {
  static const QuantizationMethod *const all[] = {
#define QCC_METHOD(Class, Summary) &get##Class(),
#include "Methods.def"
#undef QCC_METHOD
  };
  return all;
}

static ArrayRef<const ScalingMethod *> scalingMethods() {
  static const ScalingMethod *const all[] = {
#define QCC_SCALING(Class, Summary) &get##Class(),
#include "Methods.def"
#undef QCC_SCALING
  };
  return all;
}

template <typename Method> static const Method *findNamed(ArrayRef<const Method *> all, StringRef name) {
  auto found = llvm::find_if(all, [&](const Method *method) { return method->name() == name; });
  return found == all.end() ? nullptr : *found;
}

const QuantizationMethod *qcc::findMethod(StringRef name) { return findNamed(methods(), name); }
const ScalingMethod *qcc::findScalingMethod(StringRef name) { return findNamed(scalingMethods(), name); }

std::vector<StringRef> qcc::methodsReading(StringRef option) {
  std::vector<StringRef> names;
  auto add = [&](auto all) {
    for (auto *method : all)
      if (llvm::is_contained(method->readOptions(), option))
        names.push_back(method->name());
  };
  add(methods());
  add(scalingMethods());
  return names;
}

std::string qcc::listMethods() {
  std::string text;
#define QCC_METHOD(Class, Summary) text += std::string(Summary) + "\n";
#define QCC_SCALING(Class, Summary) text += std::string(Summary) + "\n";
#define QCC_ROTATION(Summary) text += std::string(Summary) + "\n";
#include "Methods.def"
#undef QCC_ROTATION
#undef QCC_METHOD
#undef QCC_SCALING
  return text;
}

LogicalResult qcc::forEachRow(const WeightProblem &problem, std::string &why, llvm::function_ref<LogicalResult(int64_t, std::string &)> body) {
  constexpr int64_t piece = 16;
  int64_t pieces = (problem.rows + piece - 1) / piece;
  std::vector<std::string> messages(pieces);
  llvm::parallelFor(0, pieces, [&](size_t i) {
    for (int64_t row = int64_t(i) * piece, end = std::min(problem.rows, row + piece); row < end && messages[i].empty(); ++row) {
      std::string problemOfRow;
      if (failed(body(row, problemOfRow)))
        messages[i] = "row " + std::to_string(row) + ": " + problemOfRow;
    }
  });
  for (const std::string &message : messages)
    if (!message.empty()) {
      why = message;
      return failure();
    }
  return success();
}

std::vector<double> QuantizationMethod::columnCosts(const WeightProblem &problem) const {
  std::vector<double> costs(problem.K);
  for (int64_t k = 0; k < problem.K; ++k)
    if (costs[k] = problem.inputs->energy(k); !std::isfinite(costs[k]) || costs[k] < 0)
      return {};
  return costs;
}

std::vector<float> qcc::columnImportance(const WeightProblem &problem, std::string &remark) {
  if (!problem.inputs || !problem.inputs->hasMoments())
    return {};
  std::vector<double> energies(problem.K);
  for (int64_t k = 0; k < problem.K; ++k) {
    energies[k] = problem.inputs->energy(k);
    if (!std::isfinite(energies[k]) || energies[k] < 0) {
      remark = "the second moments of its inputs are not finite: rounded as if all columns counted alike";
      return {};
    }
  }
  return normalizedImportance(energies);
}

std::vector<float> qcc::normalizedImportance(ArrayRef<double> costs) {
  double mean = 0;
  for (double cost : costs)
    mean += cost / double(costs.size());
  if (mean == 0)
    return {};
  // Neither very large nor very small inputs may leave the range of floats when errors are weighed: a power of two, which changes nothing else.
  int exponent = -std::ilogb(mean);
  // A channel that was 0 throughout the text need not stay so: a group of nothing else is fitted as if its columns were alike.
  std::vector<float> importance;
  for (double cost : costs)
    importance.push_back(float(std::ldexp(std::max(cost, 1e-6 * mean), exponent)));
  return importance;
}

float qcc::largestOf(const WeightProblem &problem) {
  float largest = 0;
  if (qnt::familyOf(problem.element)->needsLargest(problem.element))
    for (float value : problem.values)
      largest = std::max(largest, std::fabs(value));
  return largest;
}

LogicalResult qcc::fitRows(const WeightProblem &problem, ArrayRef<float> importance, qnt::QuantizedBuffer &out, std::string &why) {
  const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
  qnt::FitOptions options{importance, /*thorough=*/true, largestOf(problem)};
  return forEachRow(problem, why, [&](int64_t row, std::string &why) {
    return family.fitRow(problem.values.slice(row * problem.K, problem.K), options, out, row, why);
  });
}

void qcc::roundRows(const WeightProblem &problem, qnt::QuantizedBuffer &out) {
  const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
  llvm::parallelFor(0, problem.rows, [&](size_t row) { family.encodeColumns(problem.values.slice(row * problem.K, problem.K), 0, out, int64_t(row)); });
}
