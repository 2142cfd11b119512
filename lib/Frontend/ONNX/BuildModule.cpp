// One pass over the graph in file order. Every tensor is already normalized (Tensors.h) and every node checked; what is still missing here is a
// type that inference could not find.
#include "lib/Frontend/ONNX/BuildModule.h"
#include "dialects/ONNX/ONNX.h"
#include "lib/Frontend/ONNX/ElementTypes.h"
#include "lib/Frontend/ONNX/Tensors.h"
#include "qcc/Frontend/Diagnostics.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::importer;

namespace {
class ModuleBuilder {
public:
  ModuleBuilder(const proto::ModelProto &model, const SourceFiles &sources, const Opsets &opsets, const NodeIndices &indices,
                const ConstantOrigins &constants, MLIRContext *context, Problems &problems)
      : graph(model.graph()), sources(sources), opsets(opsets), indices(indices), constants(constants), builder(context),
        context(context), problems(problems) {}
  OwningOpRef<ModuleOp> build();

private:
  Location location(const Subject &subject) { return onnxLocation(context, sources.name(0), subject.kind, subject.name, subject.index); }
  Type tensorType(const proto::TypeProto &type);
  RankedTensorType tensorType(const proto::TensorProto &tensor);
  TypedAttr tensorAttribute(const proto::TensorProto &tensor, StringRef name);
  DenseElementsAttr constantAttribute(const proto::TensorProto &tensor);
  Attribute attribute(const proto::AttributeProto &attribute, StringRef node);
  DictionaryAttr valueAttributes(const proto::ValueInfoProto &value, bool isInput);
  Value left();
  func::FuncOp createFunction();
  void addInitializer(const proto::TensorProto &tensor, int64_t index);
  bool addNode(const proto::NodeProto &node);

  const proto::GraphProto &graph;
  const SourceFiles &sources;
  const Opsets &opsets;
  const NodeIndices &indices;
  const ConstantOrigins &constants;
  OpBuilder builder;
  MLIRContext *context;
  Problems &problems;
  llvm::StringMap<Value> values;
  llvm::StringMap<const proto::TypeProto *> types;
  Value none;
};
} // namespace

/// A ranked tensor, a tensor of unknown rank, or null when the element type is not known or not supported.
Type ModuleBuilder::tensorType(const proto::TypeProto &type) {
  if (!type.has_tensor_type())
    return {};
  Type element = elementType(type.tensor_type().elem_type(), context);
  if (!element)
    return {};
  if (!type.tensor_type().has_shape())
    return UnrankedTensorType::get(element);
  SmallVector<int64_t> dims;
  for (const auto &dim : type.tensor_type().shape().dim())
    dims.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : ShapedType::kDynamic);
  return RankedTensorType::get(dims, element);
}

RankedTensorType ModuleBuilder::tensorType(const proto::TensorProto &tensor) {
  return RankedTensorType::get(SmallVector<int64_t>(tensor.dims().begin(), tensor.dims().end()), elementType(tensor.data_type(), context));
}

/// Element `index` of little-endian packed elements of `bits` bits.
static APInt element(StringRef bytes, size_t index, unsigned bits) {
  uint64_t value = 0;
  if (bits < 8)
    return APInt(bits, static_cast<uint8_t>(bytes[index * bits / 8]) >> (index * bits % 8), false, /*implicitTrunc=*/true);
  for (unsigned i = 0; i < bits / 8; ++i)
    value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[index * (bits / 8) + i])) << (8 * i);
  return APInt(bits, value);
}

DenseElementsAttr ModuleBuilder::constantAttribute(const proto::TensorProto &tensor) {
  RankedTensorType type = tensorType(tensor);
  unsigned bits = elementBits(tensor.data_type());
  StringRef bytes = tensor.raw_data();
  auto count = static_cast<size_t>(type.getNumElements());
  if (auto kind = dyn_cast<FloatType>(type.getElementType())) {
    SmallVector<APFloat> elements;
    for (size_t i = 0; i < count; ++i)
      elements.emplace_back(kind.getFloatSemantics(), element(bytes, i, bits));
    return DenseElementsAttr::get(type, elements);
  }
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> elements;
    for (size_t i = 0; i < count; ++i)
      elements.push_back(bytes[i] != 0);
    return DenseElementsAttr::get(type, elements);
  }
  SmallVector<APInt> elements;
  for (size_t i = 0; i < count; ++i)
    elements.push_back(element(bytes, i, bits));
  return DenseElementsAttr::get(type, elements);
}

TypedAttr ModuleBuilder::tensorAttribute(const proto::TensorProto &tensor, StringRef name) {
  if (!Tensors::isOutside(tensor))
    return constantAttribute(tensor);
  SourceRange range = Tensors::range(tensor);
  return qcc::onnx::BytesAttr::get(context, builder.getStringAttr(name), range.file, range.offset, range.length, tensorType(tensor));
}

Attribute ModuleBuilder::attribute(const proto::AttributeProto &attribute, StringRef node) {
  using proto::AttributeProto;
  switch (attribute.type()) {
  case AttributeProto::INT:
    return builder.getI64IntegerAttr(attribute.i());
  case AttributeProto::FLOAT:
    return builder.getF32FloatAttr(attribute.f());
  case AttributeProto::STRING:
    return builder.getStringAttr(attribute.s());
  case AttributeProto::INTS:
    return builder.getDenseI64ArrayAttr(SmallVector<int64_t>(attribute.ints().begin(), attribute.ints().end()));
  case AttributeProto::FLOATS:
    return builder.getDenseF32ArrayAttr(SmallVector<float>(attribute.floats().begin(), attribute.floats().end()));
  case AttributeProto::STRINGS: {
    SmallVector<Attribute> strings;
    for (const std::string &string : attribute.strings())
      strings.push_back(builder.getStringAttr(string));
    return builder.getArrayAttr(strings);
  }
  case AttributeProto::TENSOR:
    return tensorAttribute(attribute.t(), node);
  default:
    return {}; // refused by checkGraph
  }
}

/// Open extents of inputs that the file gives no name are called after the input: runs tell them, and a name is what they are known by.
DictionaryAttr ModuleBuilder::valueAttributes(const proto::ValueInfoProto &value, bool isInput) {
  using qcc::onnx::OnnxDialect;
  SmallVector<NamedAttribute> attributes = {builder.getNamedAttr(OnnxDialect::getNameAttrName(), builder.getStringAttr(value.name()))};
  if (value.type().tensor_type().has_shape()) {
    SmallVector<Attribute> dims;
    for (auto [i, dim] : llvm::enumerate(value.type().tensor_type().shape().dim())) {
      bool isNameless = isInput && !dim.has_dim_value() && dim.dim_param().empty();
      dims.push_back(builder.getStringAttr(isNameless ? value.name() + "." + Twine(i) : Twine(dim.has_dim_param() ? dim.dim_param() : "")));
    }
    attributes.push_back(builder.getNamedAttr(OnnxDialect::getDimsAttrName(), builder.getArrayAttr(dims)));
  }
  return builder.getDictionaryAttr(attributes);
}

/// The one value for inputs that are left out.
Value ModuleBuilder::left() {
  if (!none)
    none = qcc::onnx::NoneOp::create(builder, onnxLocation(context, sources.name(0)), builder.getNoneType());
  return none;
}

func::FuncOp ModuleBuilder::createFunction() {
  SmallVector<Type> inputs, outputs;
  SmallVector<DictionaryAttr> inputAttributes, outputAttributes;
  auto add = [&](const proto::ValueInfoProto &value, const char *kind, SmallVectorImpl<Type> &list, SmallVectorImpl<DictionaryAttr> &attributes) {
    Type type = tensorType(value.type());
    if (!type)
      return problems.add(Rule::UnsupportedType, {kind, value.name(), 0}, "its type is not known");
    list.push_back(type);
    attributes.push_back(valueAttributes(value, kind == StringRef("input")));
  };
  for (const auto &input : graph.input())
    add(input, "input", inputs, inputAttributes);
  for (const auto &output : graph.output())
    add(output, "output", outputs, outputAttributes);
  if (problems.any())
    return {};
  Location where = onnxLocation(context, sources.name(0));
  auto function = func::FuncOp::create(builder, where, "main", builder.getFunctionType(inputs, outputs));
  function->setAttr(qcc::onnx::OnnxDialect::getGraphAttrName(), builder.getStringAttr(graph.name()));
  function.setAllArgAttrs(inputAttributes);
  function.setAllResultAttrs(outputAttributes);
  Block *block = builder.createBlock(&function.getBody());
  for (auto [index, type] : llvm::enumerate(inputs)) {
    const std::string &name = graph.input(static_cast<int>(index)).name();
    values[name] = block->addArgument(type, location({"input", name, static_cast<int64_t>(index)}));
  }
  return function;
}

void ModuleBuilder::addInitializer(const proto::TensorProto &tensor, int64_t index) {
  auto origin = constants.find(tensor.name());
  Location where = location(origin == constants.end() ? Subject{"initializer", tensor.name(), index} : origin->second);
  TypedAttr value = tensorAttribute(tensor, tensor.name());
  if (auto bytes = dyn_cast<qcc::onnx::BytesAttr>(value))
    values[tensor.name()] = qcc::onnx::InitializerOp::create(builder, where, value.getType(), bytes);
  else
    values[tensor.name()] = qcc::onnx::ConstantOp::create(builder, where, value.getType(), cast<ElementsAttr>(value));
}

bool ModuleBuilder::addNode(const proto::NodeProto &node) {
  Subject subject = nodeSubject(node, opsets, indices);
  SmallVector<Value> inputs;
  for (const std::string &name : node.input()) {
    Value value = name.empty() ? left() : values.lookup(name);
    if (!value) { // checkGraph found it defined, so a conversion has lost it
      problems.add(Rule::UndefinedValue, subject, "input '" + name + "' is not the output of an earlier node");
      return false;
    }
    inputs.push_back(value);
  }
  SmallVector<Type> outputs;
  for (const std::string &name : node.output()) {
    Type type = builder.getNoneType();
    if (!name.empty()) {
      const proto::TypeProto *known = types.lookup(name);
      type = known ? tensorType(*known) : Type();
    }
    if (!type) {
      problems.add(Rule::UnsupportedType, subject, "the type of output '" + name + "' is not known");
      return false;
    }
    outputs.push_back(type);
  }
  auto opset = opsets.find(node.domain());
  int since = opset == opsets.end() ? 0 : findOperator(node, opset->second).since;
  auto op = qcc::onnx::NodeOp::create(builder, location(subject), outputs, inputs, node.op_type(), node.domain(),
                                      static_cast<uint64_t>(std::max(since, 1)));
  for (const proto::AttributeProto &entry : node.attribute())
    if (!StringRef(entry.name()).starts_with("__")) // the exporter's own
      op->setDiscardableAttr(entry.name(), attribute(entry, subject.name));
  for (auto [name, result] : llvm::zip(node.output(), op.getOutputs()))
    if (!name.empty())
      values[name] = result;
  return true;
}

OwningOpRef<ModuleOp> ModuleBuilder::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(onnxLocation(context, sources.name(0)));
  SmallVector<StringRef> names;
  for (int64_t i = 0; i < sources.count(); ++i)
    names.push_back(sources.name(i));
  (*module)->setAttr("qnt.files", builder.getStrArrayAttr(names));
  for (const auto &list : {std::cref(graph.value_info()), std::cref(graph.output())})
    for (const auto &value : list.get())
      types.try_emplace(value.name(), &value.type());

  builder.setInsertionPointToEnd(module->getBody());
  func::FuncOp function = createFunction();
  if (!function)
    return {};
  for (auto [index, tensor] : llvm::enumerate(graph.initializer()))
    addInitializer(tensor, static_cast<int64_t>(index));
  bool good = true;
  for (const auto &node : graph.node()) {
    good &= addNode(node);
    if (!good) { // go on only for the names of values, so that every problem is told
      for (const std::string &name : node.output())
        if (!name.empty() && !values.count(name))
          values[name] = left();
    }
  }
  SmallVector<Value> results;
  for (auto [index, output] : llvm::enumerate(graph.output())) {
    Value value = values.lookup(output.name());
    if (!value || value.getType() != function.getResultTypes()[index]) {
      if (good)
        problems.add(Rule::TypeMismatch, {"output", output.name(), static_cast<int64_t>(index)}, "its declared type is not that of its value");
      good = false;
      continue;
    }
    results.push_back(value);
  }
  if (!good)
    return {};
  func::ReturnOp::create(builder, onnxLocation(context, sources.name(0)), results);
  return module;
}

OwningOpRef<ModuleOp> qcc::importer::buildModule(const proto::ModelProto &model, const SourceFiles &sources, const Opsets &opsets,
                                                 const NodeIndices &indices, const ConstantOrigins &constants, MLIRContext *context,
                                                 Problems &problems) {
  return ModuleBuilder(model, sources, opsets, indices, constants, context, problems).build();
}
