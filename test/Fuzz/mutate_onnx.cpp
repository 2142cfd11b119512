// A mutator that keeps the bytes a ModelProto: it changes operators, attributes, dims, types and names, so that inputs reach the checks behind the
// parser. One mutation in four is libFuzzer's own, on bytes.
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"
#include <random>
using namespace onnx;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace {
class Mutator {
public:
  Mutator(ModelProto &model, unsigned seed) : graph(*model.mutable_graph()), model(model), random(seed) {}
  void run() {
    for (unsigned steps = pick(3) + 1; steps--;)
      step();
  }

private:
  unsigned pick(size_t count) { return static_cast<unsigned>(random() % count); }
  int64_t number() {
    static const int64_t hostile[] = {0, 1, -1, 2, 3, 4, 7, 8, 16, 31, 32, 64, 255, 256, 1000, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MAX / 8, int64_t(1) << 40};
    return hostile[pick(std::size(hostile))];
  }
  const OpSchema &schema() {
    static const std::vector<OpSchema> schemas = OpSchemaRegistry::get_all_schemas_with_history();
    return schemas[pick(schemas.size())];
  }
  std::string valueName() {
    if (graph.node_size() && pick(2)) {
      const NodeProto &node = graph.node(pick(graph.node_size()));
      if (node.output_size())
        return node.output(pick(node.output_size()));
    }
    if (graph.initializer_size() && pick(2))
      return graph.initializer(pick(graph.initializer_size())).name();
    return graph.input_size() ? graph.input(pick(graph.input_size())).name() : "x";
  }
  void mutateAttribute(AttributeProto &attribute);
  void mutateNode(NodeProto &node);
  void mutateTensor(TensorProto &tensor);
  void mutateType(TypeProto &type);
  void step();

  GraphProto &graph;
  ModelProto &model;
  std::minstd_rand random;
};

void Mutator::mutateAttribute(AttributeProto &attribute) {
  switch (attribute.type()) {
  case AttributeProto::INT:
    return attribute.set_i(number());
  case AttributeProto::FLOAT:
    return attribute.set_f(static_cast<float>(number()));
  case AttributeProto::INTS:
    if (pick(2) || attribute.ints().empty())
      return attribute.add_ints(number());
    return attribute.set_ints(pick(attribute.ints_size()), number());
  case AttributeProto::STRING:
    return attribute.set_s(pick(2) ? "" : "SAME_UPPER");
  case AttributeProto::TENSOR:
    return mutateTensor(*attribute.mutable_t());
  default:
    return;
  }
}

/// Another operator with attributes of its own, other inputs, fewer or more of them.
void Mutator::mutateNode(NodeProto &node) {
  switch (pick(5)) {
  case 0: {
    const OpSchema &other = schema();
    node.set_op_type(other.Name());
    node.set_domain(other.domain());
    node.clear_attribute();
    for (const auto &[name, attribute] : other.attributes())
      if (attribute.required || pick(3) == 0) {
        AttributeProto *added = node.add_attribute();
        added->set_name(name);
        added->set_type(attribute.type);
        mutateAttribute(*added);
      }
    while (node.input_size() < other.min_input() && node.input_size() < 16)
      node.add_input(valueName());
    while (node.input_size() > other.max_input())
      node.mutable_input()->RemoveLast();
    while (node.output_size() < other.min_output() && node.output_size() < 16)
      node.add_output("fuzz" + std::to_string(pick(1000000)));
    return;
  }
  case 1:
    if (node.attribute_size())
      mutateAttribute(*node.mutable_attribute(pick(node.attribute_size())));
    return;
  case 2:
    if (node.input_size())
      node.set_input(pick(node.input_size()), pick(4) ? valueName() : "");
    return;
  case 3:
    return node.add_input(valueName());
  default:
    if (node.input_size())
      node.mutable_input()->RemoveLast();
  }
}

void Mutator::mutateTensor(TensorProto &tensor) {
  switch (pick(5)) {
  case 0:
    if (tensor.dims_size())
      return tensor.set_dims(pick(tensor.dims_size()), number());
    return tensor.add_dims(number());
  case 1:
    return tensor.add_dims(1);
  case 2:
    return tensor.set_data_type(static_cast<int32_t>(pick(30)));
  case 3:
    return tensor.clear_dims();
  default: // values: shapes, axes and sizes are read from them
    if (tensor.has_raw_data() && tensor.raw_data().size() >= 8) {
      int64_t value = number();
      tensor.mutable_raw_data()->replace(0, 8, reinterpret_cast<const char *>(&value), 8);
    }
  }
}

void Mutator::mutateType(TypeProto &type) {
  auto &tensor = *type.mutable_tensor_type();
  if (pick(3) == 0)
    return tensor.set_elem_type(static_cast<int32_t>(pick(30)));
  auto &shape = *tensor.mutable_shape();
  if (shape.dim_size() && pick(2))
    return shape.mutable_dim(pick(shape.dim_size()))->set_dim_value(number());
  if (pick(2))
    shape.add_dim()->set_dim_value(number());
  else if (shape.dim_size())
    shape.mutable_dim()->RemoveLast();
}

void Mutator::step() {
  switch (pick(8)) {
  case 0:
    if (graph.initializer_size())
      mutateTensor(*graph.mutable_initializer(pick(graph.initializer_size())));
    return;
  case 1:
    if (graph.input_size())
      mutateType(*graph.mutable_input(pick(graph.input_size()))->mutable_type());
    return;
  case 2:
    if (model.opset_import_size())
      model.mutable_opset_import(pick(model.opset_import_size()))->set_version(pick(4) ? 13 + pick(16) : number());
    return;
  case 3:
    if (graph.node_size() && graph.node_size() < 64)
      *graph.add_node() = NodeProto(graph.node(pick(graph.node_size())));
    return;
  default:
    if (graph.node_size())
      mutateNode(*graph.mutable_node(pick(graph.node_size())));
  }
}
} // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  ModelProto model;
  if (seed % 4 == 0 || !model.ParseFromArray(data, static_cast<int>(size)))
    return LLVMFuzzerMutate(data, size, maxSize);
  Mutator(model, seed).run();
  std::string bytes;
  if (!model.SerializeToString(&bytes) || bytes.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}
