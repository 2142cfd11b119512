// Expansion can be a bomb: everything here is counted before the library is let loose on it.
#include "lib/Frontend/ONNX/Expand.h"
#include "qcc/Frontend/SupportedOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
using namespace llvm;
using namespace qcc;
using namespace qcc::importer;

/// What the graph becomes when every call is expanded: a few functions that call each other twice can stand for 2^100 nodes. Both counts stop at
/// their limit. Calls are at most 100 deep and have no cycles (checkFunctions).
struct ExpandedSize {
  int64_t nodes = 0, bytes = 0;
};
static ExpandedSize countExpanded(const proto::ModelProto &model, const ImportLimits &limits) {
  StringMap<const proto::FunctionProto *> functions;
  auto key = [](const std::string &domain, const std::string &name, const std::string &overload) { return domain + '\0' + name + '\0' + overload; };
  for (const auto &function : model.functions())
    functions[key(function.domain(), function.name(), function.overload())] = &function;
  DenseMap<const proto::FunctionProto *, ExpandedSize> known;
  auto count = [&](auto &self, const auto &nodes) -> ExpandedSize {
    ExpandedSize total;
    for (const auto &node : nodes) {
      ExpandedSize size = {1, static_cast<int64_t>(node.ByteSizeLong())};
      if (const auto *callee = functions.lookup(key(node.domain(), node.op_type(), node.overload()))) {
        auto found = known.find(callee);
        ExpandedSize body = found != known.end() ? found->second : self(self, callee->node());
        known[callee] = body;
        // The call itself counts too: a body may be empty.
        size = {size.nodes + body.nodes, size.bytes + body.bytes + static_cast<int64_t>(callee->ByteSizeLong())};
      }
      total = {std::min(total.nodes + size.nodes, limits.nodes + 1), std::min(total.bytes + size.bytes, limits.graphBytes + 1)};
    }
    return total;
  };
  return count(count, model.graph().node());
}

void qcc::importer::expandFunctions(proto::ModelProto &model, const ImportLimits &limits, Problems &problems) {
  if (model.functions_size() == 0)
    return;
  if (Complaint complaint = checkFunctions(model))
    return problems.add(Rule::BadFunction, {}, *complaint);
  ExpandedSize size = countExpanded(model, limits);
  if (size.nodes > limits.nodes || size.bytes > limits.graphBytes)
    return problems.add(Rule::ResourceLimit, {},
                        "the model has more than " + std::to_string(limits.nodes) + " nodes or " + std::to_string(limits.graphBytes) +
                            " bytes once its functions are expanded");
  if (Complaint complaint = inlineFunctions(model))
    return problems.add(Rule::FunctionExpansion, {}, "functions cannot be expanded: " + *complaint);
  model.clear_functions(); // a call that is left is an unknown operator
  model.mutable_graph()->clear_value_info();
}

void qcc::importer::convertOpset(proto::ModelProto &model, Opsets &opsets, Problems &problems) {
  auto opset = opsets.find("");
  if (opset == opsets.end() || opset->second >= baseOpset || model.graph().node_size() == 0)
    return;
  if (Complaint complaint = convertVersion(model, baseOpset))
    return problems.add(Rule::VersionConversion, {},
                        "opset " + std::to_string(opset->second) + " cannot be converted to " + std::to_string(baseOpset) + ": " + *complaint);
  opset->second = baseOpset;
}

/// The library infers the types of the whole graph anew for each operator whose body depends on them: the product is what it costs.
static bool isCheapToExpand(const proto::ModelProto &model, ArrayRef<std::string> whole, int opset, Problems &problems) {
  constexpr int64_t limit = 500000; // some seconds
  int64_t dependent = count_if(model.graph().node(), [&](const proto::NodeProto &node) {
    return node.domain().empty() && !is_contained(whole, node.op_type()) && findOperator(node, opset).bodyDependsOnTypes;
  });
  if (dependent * model.graph().node_size() <= limit)
    return true;
  problems.add(Rule::ResourceLimit, {}, std::to_string(dependent) + " operators that ONNX defines by others are too many to expand in a graph of " +
                                            std::to_string(model.graph().node_size()) + " nodes");
  return false;
}

/// Attention that the attention kernels do not express: a mask, lengths of rows, a window, the scores as an output, keys of another length than
/// the queries. By ONNX's definition it is other operators; what is a mask of keys after all is recovered from those.
static bool needsDefinition(const proto::NodeProto &node, const std::vector<proto::TypeProto> &inputs) {
  auto has = [](const auto &list, int i) { return i < list.size() && !list[i].empty(); };
  if (has(node.input(), 3) || has(node.input(), 6) || has(node.output(), 3))
    return true;
  for (const auto &attribute : node.attribute())
    if ((attribute.name() == "left_window_size" || attribute.name() == "right_window_size") && attribute.i() >= 0)
      return true;
  if (inputs.size() < 3)
    return false;
  auto dim = [&](int input, int fromEnd) -> const proto::TensorShapeProto::Dimension * {
    const auto &shape = inputs[input].tensor_type().shape();
    int axis = shape.dim_size() == 4 ? 4 - fromEnd : 3 - fromEnd;
    return shape.dim_size() == 3 || shape.dim_size() == 4 ? &shape.dim(axis) : nullptr;
  };
  auto differ = [](const auto *a, const auto *b) {
    return a && b && (a->has_dim_value() ? b->has_dim_value() && a->dim_value() != b->dim_value() : a->dim_param() != b->dim_param());
  };
  return differ(dim(0, 2), dim(1, 2)) || differ(dim(1, 1), dim(2, 1));
}

void qcc::importer::expandDefinedOperators(proto::ModelProto &model, const Opsets &opsets, const ImportLimits &limits, Problems &problems) {
  auto opset = opsets.find("");
  if (opset == opsets.end())
    return;
  if (Complaint complaint = expandNodes(model, "Attention", needsDefinition))
    return problems.add(Rule::FunctionExpansion, {}, "Attention cannot be expanded: " + *complaint);
  // What later stages understand as it is stays whole: expanding it would hide what the model is.
  std::vector<std::string> whole = supportedOps("");
  if (!isCheapToExpand(model, whole, opset->second, problems))
    return;
  if (Complaint complaint = expandOperators(model, whole))
    return problems.add(Rule::FunctionExpansion, {}, "operators cannot be expanded: " + *complaint);
  if (model.graph().node_size() > limits.nodes)
    problems.add(Rule::ResourceLimit, {}, "the model has more than " + std::to_string(limits.nodes) + " nodes");
}
