// The table of methods, and their common tools.
#include "Methods.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Parallel.h"
#include <cmath>
using namespace mlir;
using namespace qcc;

ArrayRef<const QuantizationMethod *> qcc::allMethods() {
  static const QuantizationMethod *const all[] = {
#define QCC_METHOD(Class, Default, Summary) &get##Class(),
#include "Methods.def"
#undef QCC_METHOD
  };
  return all;
}

ArrayRef<const ScalingMethod *> qcc::allScalingMethods() {
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

const QuantizationMethod *qcc::findMethod(StringRef name) { return findNamed(allMethods(), name); }
const ScalingMethod *qcc::findScalingMethod(StringRef name) { return findNamed(allScalingMethods(), name); }

/// Of every method that has any: its name and each parameter.
static void forEachParameter(llvm::function_ref<void(StringRef method, const MethodParameter &)> body) {
  auto visit = [&](auto all) {
    for (auto *method : all)
      for (const MethodParameter &parameter : method->parameters())
        body(method->name(), parameter);
  };
  visit(allMethods());
  visit(allScalingMethods());
}

std::vector<MethodParameter> qcc::allParameters() {
  std::vector<MethodParameter> parameters;
  forEachParameter([&](StringRef, const MethodParameter &parameter) {
    if (llvm::none_of(parameters, [&](const MethodParameter &known) { return known.name == parameter.name; }))
      parameters.push_back(parameter);
  });
  return parameters;
}

std::vector<StringRef> qcc::methodsReading(StringRef name) {
  std::vector<StringRef> names;
  forEachParameter([&](StringRef method, const MethodParameter &parameter) {
    if (parameter.name == name)
      names.push_back(method);
  });
  return names;
}

namespace {
enum class DefaultMethod { None, WithoutText, WithText };
}

static DefaultMethod defaultOf(const QuantizationMethod &method) {
  static constexpr DefaultMethod defaults[] = {
#define QCC_METHOD(Class, Default, Summary) DefaultMethod::Default,
#include "Methods.def"
#undef QCC_METHOD
  };
  constexpr auto count = [](DefaultMethod which) {
    int n = 0;
    for (DefaultMethod each : defaults)
      n += each == which;
    return n;
  };
  static_assert(count(DefaultMethod::WithoutText) == 1 && count(DefaultMethod::WithText) == 1);
  return defaults[llvm::find(allMethods(), &method) - allMethods().begin()];
}

const QuantizationMethod &qcc::defaultMethod(bool hasText) {
  DefaultMethod wanted = hasText ? DefaultMethod::WithText : DefaultMethod::WithoutText;
  return **llvm::find_if(allMethods(), [&](const QuantizationMethod *method) { return defaultOf(*method) == wanted; });
}

static std::string defaultNote(const QuantizationMethod &method) {
  DefaultMethod use = defaultOf(method);
  return use == DefaultMethod::WithoutText ? "default" : use == DefaultMethod::WithText ? "default with --calib" : "";
}

StringRef qcc::rotationName() {
  static constexpr llvm::StringLiteral names[] = {
#define QCC_ROTATION(Name, Summary) llvm::StringLiteral(Name),
#include "Methods.def"
#undef QCC_ROTATION
  };
  static_assert(std::size(names) == 1, "the rotation stage does one thing");
  return names[0];
}

std::string qcc::listMethods() {
  std::string text;
  llvm::raw_string_ostream out(text);
  auto row = [&](StringRef name, StringRef summary, ArrayRef<std::string> notes) {
    out << llvm::left_justify(name, 12) << "  " << summary;
    for (auto [i, note] : llvm::enumerate(notes))
      out << (i ? "; " : " (") << note;
    out << (notes.empty() ? "\n" : ")\n");
  };
  auto addMethod = [&](const QuantizationMethod &method, StringRef summary) {
    SmallVector<std::string> notes;
    if (method.needsInputs())
      notes.push_back("needs --calib");
    if (std::optional<RequiredFormats> formats = method.requiredFormats())
      notes.push_back("sets --wbits=" + std::to_string(formats->weightBits));
    if (std::string note = defaultNote(method); !note.empty())
      notes.push_back(note);
    row(method.name(), summary, notes);
  };
  auto addScaling = [&](const ScalingMethod &method, StringRef summary) {
    std::string then = ("then " + method.codes() + ", or " + method.name() + "+<method>").str();
    row(method.name(), summary, {then, "needs --calib"});
  };
#define QCC_METHOD(Class, Default, Summary) addMethod(get##Class(), Summary);
#define QCC_SCALING(Class, Summary) addScaling(get##Class(), Summary);
#define QCC_ROTATION(Name, Summary) row(Name, Summary, {"then the default method, or " Name "+<method>"});
#include "Methods.def"
#undef QCC_ROTATION
#undef QCC_METHOD
#undef QCC_SCALING
  return text;
}

std::string qcc::methodNames() {
  auto withNote = [](const QuantizationMethod *method) {
    std::string note = defaultNote(*method);
    return method->name().str() + (note.empty() ? "" : " (" + note + ")");
  };
  auto nameOf = [](const ScalingMethod *method) { return method->name(); };
  std::string scaling = llvm::join(llvm::map_range(allScalingMethods(), nameOf), " or ");
  std::string both = (allScalingMethods().front()->name() + "+" + defaultMethod(/*hasText=*/true).name()).str();
  return (llvm::join(llvm::map_range(allMethods(), withNote), ", ") + "; " + scaling + " or " + rotationName() + " before them: " + both).str();
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

LogicalResult qcc::encodeRows(const WeightProblem &problem, qnt::QuantizedBuffer &out, std::string &why) {
  const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
  setNumbers(problem.values, out);
  return forEachRow(problem, why, [&](int64_t row, std::string &why) {
    return family.encodeRow(problem.values.slice(row * problem.K, problem.K), out, row, why);
  });
}

LogicalResult qcc::fitRows(const WeightProblem &problem, ArrayRef<float> importance, qnt::QuantizedBuffer &out, std::string &why) {
  const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
  qnt::FitOptions options{importance, /*thorough=*/true};
  setNumbers(problem.values, out);
  return forEachRow(problem, why, [&](int64_t row, std::string &why) {
    return family.fitRow(problem.values.slice(row * problem.K, problem.K), options, out, row, why);
  });
}

void qcc::roundRows(const WeightProblem &problem, qnt::QuantizedBuffer &out) {
  const qnt::FormatFamily &family = *qnt::familyOf(problem.element);
  llvm::parallelFor(0, problem.rows, [&](size_t row) { family.encodeColumns(problem.values.slice(row * problem.K, problem.K), 0, out, int64_t(row)); });
}
