// Deny by default: what is not known to be right is a problem with a name. Goes on after each, so that all are told at once.
// Values and nodes are walked in file order and never recursively.
#include "lib/Frontend/ONNX/CheckModel.h"
#include "lib/Frontend/ONNX/ElementTypes.h"
#include "lib/Frontend/ONNX/Schemas.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
using namespace llvm;
using namespace qcc::importer;
using proto::AttributeProto;

Opsets qcc::importer::checkHeader(const proto::ModelProto &model, Problems &problems) {
  Opsets opsets;
  if (!model.has_graph())
    problems.add(Rule::BadModel, {}, "the model has no graph");
  if (!model.has_ir_version())
    problems.add(Rule::BadModel, {}, "the model has no ir_version");
  else if (model.ir_version() < 3 || model.ir_version() > newestIrVersion())
    problems.add(Rule::UnsupportedIr, {}, "IR version " + std::to_string(model.ir_version()) + " is not supported",
                 {"supported here: 3 to " + std::to_string(newestIrVersion())});
  for (const auto &import : model.opset_import()) {
    std::string domain = import.domain() == "ai.onnx" ? "" : import.domain();
    bool supported = true;
    if (domain.empty())
      supported = import.version() >= oldestOpset && import.version() <= newestOpset();
    else if (domain == microsoft)
      supported = import.version() == 1;
    if (!supported) {
      std::string range = domain.empty() ? std::to_string(oldestOpset) + " to " + std::to_string(newestOpset()) : "1";
      problems.add(Rule::UnsupportedOpset, {},
                   "opset " + std::to_string(import.version()) + " of domain '" + (domain.empty() ? "ai.onnx" : domain) + "' is not supported",
                   {"supported here: " + range});
    }
    // A version that does not fit an int can only be one of a domain that we do not know.
    int version = static_cast<int>(std::clamp<int64_t>(import.version(), 0, INT32_MAX));
    if (!opsets.try_emplace(domain, version).second)
      problems.add(Rule::DuplicateName, {}, "the opset of domain '" + domain + "' is imported twice");
  }
  if (model.opset_import().empty())
    problems.add(Rule::MissingOpset, {}, "the model imports no opset");
  return opsets;
}

Subject qcc::importer::nodeSubject(const proto::NodeProto &node, const Opsets &opsets, const NodeIndices &indices) {
  Subject subject;
  auto opset = opsets.find(node.domain());
  int version = opset == opsets.end() ? 0 : opset->second;
  if (int since = findOperator(node, version).since)
    version = since;
  subject.kind = (node.domain().empty() ? "" : node.domain() + ".") + node.op_type() + " v" + std::to_string(version);
  subject.name = node.name();
  for (const std::string &output : node.output()) {
    if (output.empty())
      continue;
    if (subject.name.empty())
      subject.name = output;
    auto index = indices.find(output);
    if (index != indices.end())
      subject.index = index->second;
    break;
  }
  return subject;
}

static bool hasSubgraph(const proto::NodeProto &node) {
  return any_of(node.attribute(), [](const AttributeProto &attribute) {
    return attribute.has_g() || attribute.graphs_size() || attribute.type() == AttributeProto::GRAPH || attribute.type() == AttributeProto::GRAPHS;
  });
}

void qcc::importer::checkSubgraphs(const proto::ModelProto &model, const Opsets &opsets, const NodeIndices &indices, Problems &problems) {
  auto check = [&](const proto::NodeProto &node, const Opsets &opsets) {
    if (hasSubgraph(node))
      problems.add(Rule::UnsupportedSubgraph, nodeSubject(node, opsets, indices), "operators with subgraphs are not supported");
  };
  for (const proto::NodeProto &node : model.graph().node())
    check(node, opsets);
  for (const proto::FunctionProto &function : model.functions()) {
    Opsets own;
    for (const auto &import : function.opset_import())
      own[import.domain()] = static_cast<int>(std::clamp<int64_t>(import.version(), 0, INT32_MAX));
    for (const proto::NodeProto &node : function.node())
      check(node, own);
  }
}

namespace {
class GraphChecker {
public:
  GraphChecker(const proto::ModelProto &model, const Opsets &opsets, const NodeIndices &indices, Problems &problems)
      : model(model), opsets(opsets), indices(indices), problems(problems) {}
  void run();

private:
  void checkValue(const proto::ValueInfoProto &value, const char *kind, int64_t index);
  void checkNodeItself(const proto::NodeProto &node, const Subject &subject);
  bool checkOperatorName(const proto::NodeProto &node, const Subject &subject);
  void checkAttributes(const proto::NodeProto &node, const Subject &subject, ArrayRef<std::string> unknown);

  const proto::ModelProto &model;
  const Opsets &opsets;
  const NodeIndices &indices;
  Problems &problems;
  StringSet<> defined;
  StringMap<const proto::TensorProto *> initializers;
  StringSet<> functions; // domain, a NUL, name
};
} // namespace

/// Inputs and outputs are tensors of a type that qcc reads, of a known rank.
void GraphChecker::checkValue(const proto::ValueInfoProto &value, const char *kind, int64_t index) {
  Subject subject = {kind, value.name(), index};
  if (Complaint complaint = checkValueInfo(value))
    return problems.add(Rule::BadModel, subject, *complaint);
  if (!value.type().has_tensor_type())
    return problems.add(Rule::UnsupportedType, subject, "only tensors are supported, no sequences, maps, optional or sparse values");
  const auto &tensor = value.type().tensor_type();
  if (!elementBits(tensor.elem_type()))
    problems.add(Rule::UnsupportedType, subject, "tensors of " + elementName(tensor.elem_type()) + " are not supported");
  else if (!isPortElement(tensor.elem_type()))
    problems.add(Rule::UnsupportedType, subject, "tensors of " + elementName(tensor.elem_type()) + " are not supported as inputs and outputs");
  if (tensor.shape().dim_size() > 64)
    problems.add(Rule::BadModel, subject, "the tensor has rank " + std::to_string(tensor.shape().dim_size()) + ", more than 64");
  for (const auto &dim : tensor.shape().dim())
    if (dim.has_dim_value() && dim.dim_value() < 0)
      problems.add(Rule::BadModel, subject, "dimension " + std::to_string(dim.dim_value()) + " is negative");
}

void qcc::importer::checkOperands(const proto::NodeProto &node, ElementOf elementOf, const Subject &subject, Problems &problems) {
  for (const auto &[list, kind] : {std::pair(&node.input(), "input"), std::pair(&node.output(), "output")})
    for (const std::string &name : *list)
      if (int32_t type = elementOf(name); isNarrowFloat(type))
        problems.add(Rule::UnsupportedType, subject, std::string(kind) + " '" + name + "' is a tensor of " + elementName(type) + ", which nothing computes with");
}

bool GraphChecker::checkOperatorName(const proto::NodeProto &node, const Subject &subject) {
  // Random numbers are no function of the inputs: neither reproducible nor safe to fold or merge.
  static const StringSet<> random = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"};
  if (node.op_type().empty()) {
    problems.add(Rule::BadNode, subject, "the node has no operator");
    return false;
  }
  auto opset = opsets.find(node.domain());
  if (!node.domain().empty() && node.domain() != microsoft) {
    problems.add(Rule::UnknownDomain, subject, "domain '" + node.domain() + "' is not supported",
                 {"supported here: ai.onnx, com.microsoft, and functions of the model"});
    return false;
  }
  if (opset == opsets.end()) {
    problems.add(Rule::MissingOpset, subject, "the model imports no opset of domain '" + (node.domain().empty() ? "ai.onnx" : node.domain()) + "'");
    return false;
  }
  Operator found = findOperator(node, opset->second);
  if (!found.since) {
    std::string name = node.domain().empty() ? node.op_type() : node.domain() + "." + node.op_type();
    int later = node.domain().empty() ? findOperator(node, newestOpset()).since : 0;
    problems.add(Rule::UnknownOperator, subject, "operator '" + name + "' is not known in opset " + std::to_string(opset->second),
                 later ? std::vector<std::string>{"opset " + std::to_string(later) + " has it"} : std::vector<std::string>{});
    return false;
  }
  if (found.deprecated || (node.domain().empty() && random.contains(node.op_type()))) {
    problems.add(Rule::UnsupportedOperator, subject,
                 found.deprecated ? "the operator is deprecated" : "operators that draw random numbers are not supported");
    return false;
  }
  checkAttributes(node, subject, found.unknownAttributes);
  return found.unknownAttributes.empty();
}

void GraphChecker::checkAttributes(const proto::NodeProto &node, const Subject &subject, ArrayRef<std::string> unknown) {
  for (const std::string &name : unknown)
    problems.add(Rule::UnknownAttribute, subject, "attribute '" + name + "' is not known");
  for (const AttributeProto &attribute : node.attribute()) {
    switch (attribute.type()) {
    case AttributeProto::FLOAT:
    case AttributeProto::INT:
    case AttributeProto::STRING:
    case AttributeProto::TENSOR:
    case AttributeProto::FLOATS:
    case AttributeProto::INTS:
    case AttributeProto::STRINGS:
      break;
    default:
      problems.add(Rule::UnsupportedAttribute, subject, "attribute '" + attribute.name() + "' is no number, string or tensor");
    }
    if (attribute.type() == AttributeProto::TENSOR && !attribute.has_t())
      problems.add(Rule::BadNode, subject, "attribute '" + attribute.name() + "' is a tensor without a value");
    if (attribute.has_ref_attr_name() && !attribute.ref_attr_name().empty())
      problems.add(Rule::BadNode, subject, "attribute '" + attribute.name() + "' refers to a function's attribute outside of a function");
  }
}

void GraphChecker::checkNodeItself(const proto::NodeProto &node, const Subject &subject) {
  if (hasSubgraph(node))
    return; // told by checkSubgraphs
  if (functions.contains(node.domain() + '\0' + node.op_type()) || !checkOperatorName(node, subject))
    return;
  if (Complaint complaint = checkNode(node, model.ir_version(), opsets))
    return problems.add(Rule::BadNode, subject, *complaint);
  checkOperator(
      node,
      [&](const std::string &name) -> std::optional<KnownTensor> {
        auto tensor = initializers.find(name);
        if (tensor == initializers.end())
          return std::nullopt;
        return KnownTensor{{tensor->second->dims().begin(), tensor->second->dims().end()}, tensor->second->data_type()};
      },
      subject, problems);
}

void GraphChecker::run() {
  const proto::GraphProto &graph = model.graph();
  for (const proto::FunctionProto &function : model.functions()) // left only when a subgraph kept them from being expanded
    functions.insert(function.domain() + '\0' + function.name());
  auto define = [&](const std::string &name, const Subject &subject) {
    if (!defined.insert(name).second)
      problems.add(Rule::DuplicateName, subject, "value '" + name + "' is defined more than once");
  };
  for (auto [index, input] : enumerate(graph.input())) {
    checkValue(input, "input", static_cast<int64_t>(index));
    define(input.name(), {"input", input.name(), static_cast<int64_t>(index)});
  }
  for (auto [index, tensor] : enumerate(graph.initializer())) {
    Subject subject = {"initializer", tensor.name(), static_cast<int64_t>(index)};
    if (tensor.name().empty())
      problems.add(Rule::BadModel, subject, "an initializer has no name");
    if (!initializers.try_emplace(tensor.name(), &tensor).second)
      problems.add(Rule::DuplicateName, subject, "two initializers have the same name");
    defined.insert(tensor.name()); // may be the default value of an input
  }
  for (auto [index, sparse] : enumerate(graph.sparse_initializer()))
    problems.add(Rule::UnsupportedType, {"initializer", sparse.values().name(), static_cast<int64_t>(index)},
                 "sparse initializers are not supported");
  for (const proto::NodeProto &node : graph.node()) {
    Subject subject = nodeSubject(node, opsets, indices);
    for (const std::string &input : node.input())
      if (!input.empty() && !defined.contains(input))
        problems.add(Rule::UndefinedValue, subject, "input '" + input + "' is not the output of an earlier node");
    checkNodeItself(node, subject);
    for (const std::string &output : node.output())
      if (!output.empty())
        define(output, subject);
  }
  for (auto [index, output] : enumerate(graph.output())) {
    checkValue(output, "output", static_cast<int64_t>(index));
    if (!defined.contains(output.name()))
      problems.add(Rule::UndefinedValue, {"output", output.name(), static_cast<int64_t>(index)}, "no node produces the output");
  }
  if (graph.output().empty())
    problems.add(Rule::BadModel, {}, "the graph has no outputs");
}

void qcc::importer::checkGraph(const proto::ModelProto &model, const Opsets &opsets, const NodeIndices &indices, Problems &problems) {
  GraphChecker(model, opsets, indices, problems).run();
}
