// Constant nodes have seven attributes for the same thing; here they become one.
#include "lib/Frontend/ONNX/Constants.h"
#include "lib/Frontend/ONNX/Schemas.h"
#include "llvm/ADT/ArrayRef.h"
using namespace llvm;
using namespace qcc::importer;

StringSet<> qcc::importer::quantizedWeights(const proto::GraphProto &graph) {
  StringSet<> names;
  for (const auto &node : graph.node())
    for (int input : quantizedInputs(node.domain(), node.op_type()))
      if (input < node.input_size())
        names.insert(node.input(input));
  return names;
}

/// The tensor that the node's one attribute says, or false for strings.
static bool constantValue(proto::NodeProto &node, proto::TensorProto &tensor) {
  auto &attribute = *node.mutable_attribute(0);
  auto set = [&](int32_t type, std::optional<int64_t> length, const auto &values) {
    tensor.set_data_type(type);
    if (length)
      tensor.add_dims(*length);
    tensor.set_raw_data("");
    for (auto value : values)
      tensor.mutable_raw_data()->append(reinterpret_cast<const char *>(&value), sizeof(value));
    return true;
  };
  if (attribute.name() == "value_int")
    return set(proto::TensorProto::INT64, std::nullopt, ArrayRef<int64_t>(attribute.i()));
  if (attribute.name() == "value_float")
    return set(proto::TensorProto::FLOAT, std::nullopt, ArrayRef<float>(attribute.f()));
  if (attribute.name() == "value_ints")
    return set(proto::TensorProto::INT64, attribute.ints_size(), attribute.ints());
  if (attribute.name() == "value_floats")
    return set(proto::TensorProto::FLOAT, attribute.floats_size(), attribute.floats());
  if (attribute.name() != "value")
    return false;
  tensor = std::move(*attribute.mutable_t());
  return true;
}

void qcc::importer::constantsToInitializers(proto::ModelProto &model, const Opsets &opsets, const NodeIndices &indices, ConstantOrigins &origins,
                                            Problems &problems) {
  auto &nodes = *model.mutable_graph()->mutable_node();
  int kept = 0;
  for (int i = 0; i < nodes.size(); ++i) {
    proto::NodeProto &node = nodes[i];
    if (!node.domain().empty() || node.op_type() != "Constant" || node.attribute_size() != 1) {
      nodes.SwapElements(kept++, i);
      continue;
    }
    proto::TensorProto tensor;
    Subject subject = nodeSubject(node, opsets, indices);
    if (!constantValue(node, tensor)) {
      problems.add(Rule::UnsupportedType, subject, "constants of strings are not supported");
      continue;
    }
    tensor.set_name(node.output(0));
    origins[tensor.name()] = subject;
    *model.mutable_graph()->add_initializer() = std::move(tensor);
  }
  nodes.DeleteSubrange(kept, nodes.size() - kept);
}
