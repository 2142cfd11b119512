#include "lib/Frontend/ONNX/FixShapes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
using namespace llvm;
using namespace qcc;
using namespace qcc::importer;

namespace {
class ShapeFixer {
public:
  ShapeFixer(proto::GraphProto &graph, Problems &problems) : graph(graph), problems(problems) {
    forEachDim(readNumber);
    for (const auto &input : graph.input())
      for (const auto &dim : input.type().tensor_type().shape().dim())
        inputNames.insert(dim.dim_param());
  }
  void request(const InputShape &shape);
  void apply();

private:
  using Dim = proto::TensorShapeProto::Dimension;
  struct Fixed {
    int64_t extent;
    std::string input;             // that asked for it
  };
  struct FixedSum {
    Subject subject;
    std::string asked, text;
    int64_t extent;
  };
  void fixDim(const InputShape &shape, const proto::ValueInfoProto &input, int axis, Dim &dim);
  bool isSum(StringRef text) const;
  static void readNumber(Dim &dim);
  void substitute(Dim &dim);
  void forEachDim(function_ref<void(Dim &)> change);
  void checkSums();

  proto::GraphProto &graph;
  Problems &problems;
  StringSet<> inputNames;
  StringMap<Fixed> names;
  std::vector<FixedSum> sums;
};
} // namespace

/// Some exporters write -1 for an extent that is open.
static bool isFixed(const proto::TensorShapeProto::Dimension &dim) { return dim.has_dim_value() && dim.dim_value() >= 0; }

static std::string shapeText(const proto::ValueInfoProto &value) {
  if (!value.type().tensor_type().has_shape())
    return "of unknown rank";
  std::vector<std::string> dims;
  for (const auto &dim : value.type().tensor_type().shape().dim())
    dims.push_back(isFixed(dim) ? std::to_string(dim.dim_value()) : dim.dim_param().empty() ? "?" : dim.dim_param());
  return "[" + join(dims, ", ") + "]";
}

void ShapeFixer::request(const InputShape &shape) {
  auto input = find_if(*graph.mutable_input(), [&](const auto &one) { return one.name() == shape.input; });
  if (input == graph.mutable_input()->end()) {
    std::vector<std::string> known;
    for (const auto &one : graph.input())
      known.push_back(one.name() + " " + shapeText(one));
    return problems.add(Rule::BadShape, {}, "--shape names '" + shape.input + "', which is no input", {"the inputs are " + join(known, ", ")});
  }
  if (!input->type().has_tensor_type())
    return;                        // refused for its type
  auto &tensor = *input->mutable_type()->mutable_tensor_type();
  if (!tensor.has_shape())         // the file leaves even the rank open
    for (size_t i = 0; i < shape.extents.size(); ++i)
      tensor.mutable_shape()->add_dim();
  auto &dims = *tensor.mutable_shape()->mutable_dim();
  if (dims.size() != static_cast<int>(shape.extents.size()))
    return problems.add(Rule::BadShape, {"input", shape.input, 0},
                        "--shape gives " + std::to_string(shape.extents.size()) + " extents, but the input is " + shapeText(*input));
  for (auto [axis, dim] : enumerate(dims))
    fixDim(shape, *input, static_cast<int>(axis), dim);
}

void ShapeFixer::fixDim(const InputShape &shape, const proto::ValueInfoProto &input, int axis, Dim &dim) {
  int64_t extent = shape.extents[axis];
  if (extent == InputShape::asInFile)
    return;
  std::string asked = "--shape gives extent " + std::to_string(axis) + " as " + std::to_string(extent);
  if (isFixed(dim) && dim.dim_value() != extent)
    problems.add(Rule::BadShape, {"input", shape.input, 0}, asked + ", but the input is " + shapeText(input));
  if (isFixed(dim))
    return;
  if (dim.dim_param().empty())     // nobody else's
    return dim.set_dim_value(extent);
  if (isSum(dim.dim_param()))      // follows from its terms
    return sums.push_back({{"input", shape.input, 0}, asked, dim.dim_param(), extent});
  auto [known, isNew] = names.try_emplace(dim.dim_param(), Fixed{extent, shape.input});
  if (!isNew && known->second.extent != extent)
    problems.add(Rule::BadShape, {"input", shape.input, 0},
                 asked + ", but input '" + known->second.input + "' has '" + dim.dim_param() + "' as " + std::to_string(known->second.extent),
                 {"the input is " + shapeText(input)});
}

/// "past_sequence_length + sequence_length", of names that other extents of inputs have.
bool ShapeFixer::isSum(StringRef text) const {
  SmallVector<StringRef> terms;
  text.split(terms, '+');
  auto isTerm = [&](StringRef term) {
    int64_t number;
    return !term.trim().getAsInteger(10, number) || inputNames.contains(term.trim());
  };
  return terms.size() > 1 && all_of(terms, isTerm);
}

void ShapeFixer::checkSums() {
  for (const FixedSum &sum : sums) {
    Dim dim;
    dim.set_dim_param(sum.text);
    substitute(dim);
    if (!dim.has_dim_value())
      problems.add(Rule::BadShape, sum.subject, sum.asked + ", but it is '" + sum.text + "': fix what that is a sum of");
    else if (dim.dim_value() != sum.extent)
      problems.add(Rule::BadShape, sum.subject, sum.asked + ", but '" + sum.text + "' is " + std::to_string(dim.dim_value()));
  }
}

/// Some exporters give an extent that they know as a name.
void ShapeFixer::readNumber(Dim &dim) {
  int64_t number;
  if (StringRef(dim.dim_param()).trim().getAsInteger(10, number))
    return;
  if (number >= 0)
    dim.set_dim_value(number);
  else
    dim.clear_value(); // -1 is an extent that is open
}

void ShapeFixer::substitute(Dim &dim) {
  if (auto known = names.find(dim.dim_param()); known != names.end())
    return dim.set_dim_value(known->second.extent);
  SmallVector<StringRef> terms;
  StringRef(dim.dim_param()).split(terms, '+');
  if (!isSum(dim.dim_param()))
    return;
  std::vector<std::string> kept;
  int64_t sum = 0;
  for (StringRef term : terms) {
    int64_t number;
    term = term.trim();
    if (auto known = names.find(term); known != names.end())
      sum += known->second.extent;
    else if (!term.getAsInteger(10, number))
      sum += number;
    else
      kept.push_back(term.str());
  }
  if (kept.empty())
    return dim.set_dim_value(sum);
  if (sum)
    kept.push_back(std::to_string(sum));
  dim.set_dim_param(join(kept, " + "));
}

void ShapeFixer::apply() {
  checkSums();
  if (problems.any())
    return;
  forEachDim([&](Dim &dim) { substitute(dim); });
}

/// Of inputs and outputs, every extent that has a name.
void ShapeFixer::forEachDim(function_ref<void(Dim &)> change) {
  for (auto *list : {graph.mutable_input(), graph.mutable_output()})
    for (auto &value : *list)
      if (value.type().has_tensor_type() && value.type().tensor_type().has_shape())
        for (auto &dim : *value.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim())
          if (!dim.dim_param().empty())
            change(dim);
}

void qcc::importer::fixShapes(proto::ModelProto &model, const std::vector<InputShape> &shapes, Problems &problems) {
  ShapeFixer fixer(*model.mutable_graph(), problems);
  for (const InputShape &shape : shapes)
    fixer.request(shape);
  if (!problems.any())
    fixer.apply();
}
