// The only code besides Schemas.cpp that is compiled with exceptions.
#include "lib/Frontend/ONNX/Library.h"
#include "lib/Frontend/ONNX/Schemas.h"
#include "llvm/ADT/STLExtras.h"
#include "onnx/checker.h"
#include "onnx/defs/schema.h"
#include "onnx/inliner/inliner.h"
#include "onnx/shape_inference/implementation.h"
#include "onnx/version_converter/convert.h"
#include <cctype>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <mutex>
#include <set>
using namespace onnx;
using namespace qcc::importer;

/// "Required attribute 'K' is missing.\n\n==> Context: ..." -> "required attribute 'K' is missing". Words such as "INT64" keep their case.
static std::string tidy(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.erase(0, 1);
  for (const char *prefix : {"[ShapeInferenceError] ", "[TypeInferenceError] ", "[ShapeInferenceError]", "[TypeInferenceError]"})
    if (text.rfind(prefix, 0) == 0)
      text.erase(0, std::string(prefix).size());
  text = text.substr(0, text.find('\n'));
  while (!text.empty() && (text.back() == '.' || std::isspace(static_cast<unsigned char>(text.back()))))
    text.pop_back();
  if (text.size() > 1 && std::isupper(static_cast<unsigned char>(text[0])) && std::islower(static_cast<unsigned char>(text[1])))
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text.empty() ? "refused without a reason" : text;
}

/// The message without how the library names what the caller names better.
static std::string withoutPrefix(std::string text, const std::string &prefix, const std::string &end) {
  size_t stop = text.rfind(prefix, 0) == 0 ? text.find(end, prefix.size()) : std::string::npos;
  return stop == std::string::npos ? text : text.substr(stop + end.size());
}

/// Runs `body` and returns what it threw.
template <typename Body> static Complaint guard(Body body) {
  try {
    body();
    return std::nullopt;
  } catch (const std::bad_alloc &) {
    return "out of memory";
  } catch (const std::exception &error) {
    return tidy(error.what());
  } catch (...) {
    return "unknown exception";
  }
}

int qcc::importer::newestOpset() { return OpSchemaRegistry::DomainToVersionRange::Instance().Map().at(ONNX_DOMAIN).second; }
int64_t qcc::importer::newestIrVersion() { return Version::IR_VERSION; }

bool qcc::importer::parseModel(const std::string &bytes, ModelProto &model) {
  static std::once_flag silenced;
  std::call_once(silenced, [] { google::protobuf::SetLogHandler(nullptr); });
  bool parsed = false;
  guard([&] {
    google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(bytes.data()), static_cast<int>(bytes.size()));
    stream.SetRecursionLimit(64);
    parsed = model.ParseFromCodedStream(&stream) && stream.ConsumedEntireMessage();
  });
  return parsed;
}

Operator qcc::importer::findOperator(const NodeProto &node, int version) {
  Operator found;
  guard([&] {
    const OpSchema *schema = OpSchemaRegistry::Schema(node.op_type(), version, node.domain());
    if (!schema)
      return;
    found.since = schema->SinceVersion();
    found.deprecated = schema->Deprecated() || checker::check_is_experimental_op(node);
    found.bodyDependsOnTypes = !schema->HasFunction() && schema->HasContextDependentFunction();
    for (const AttributeProto &attribute : node.attribute())
      if (!schema->attributes().count(attribute.name()) && attribute.name().rfind("__", 0) != 0) // "__": the exporter's own, ignored
        found.unknownAttributes.push_back(attribute.name());
  });
  return found;
}

Complaint qcc::importer::checkTensor(const TensorProto &tensor) {
  Complaint complaint = guard([&] { checker::check_tensor(tensor, checker::CheckerContext()); });
  if (complaint) // "TensorProto (tensor name: w) should contain ..."
    complaint = withoutPrefix(*complaint, "tensorProto (tensor name: " + tensor.name(), ") ");
  return complaint;
}

Complaint qcc::importer::checkValueInfo(const ValueInfoProto &value) {
  return guard([&] { checker::check_value_info(value, checker::CheckerContext()); });
}

Complaint qcc::importer::checkNode(const NodeProto &node, int64_t irVersion, const Opsets &opsets) {
  Complaint complaint = guard([&] {
    checker::CheckerContext context;
    context.set_ir_version(static_cast<int>(irVersion));
    context.set_opset_imports(opsets);
    checker::check_node(node, context, checker::LexicalScopeContext());
  });
  if (!complaint)
    return complaint;
  // "Node(/add) with schema(::Add:14) has input size ...", "Node (/add)'s input 0 is marked single ..."
  std::string text = withoutPrefix(*complaint, "node(" + node.name() + ") with schema(", ") ");
  return withoutPrefix(withoutPrefix(text, "node (" + node.name() + ")'s", " "), "node (" + node.name() + ")", " ");
}

Complaint qcc::importer::checkFunctions(const ModelProto &model) {
  return guard([&] {
    checker::CheckerContext context;
    context.set_ir_version(static_cast<int>(model.ir_version()));
    Opsets opsets;
    for (const OperatorSetIdProto &import : model.opset_import())
      opsets[import.domain()] = static_cast<int>(import.version());
    context.set_opset_imports(opsets);
    checker::check_function_call_cycles(model);
    checker::check_model_local_functions(model, context, checker::LexicalScopeContext());
  });
}

Complaint qcc::importer::inlineFunctions(ModelProto &model) {
  return guard([&] { inliner::InlineLocalFunctions(model, /*convert_version=*/true); });
}

/// Attributes that were left out, with their defaults: the inliner substitutes into a body only what the node says.
static void addDefaults(NodeProto &node, int opset) {
  const OpSchema *schema = OpSchemaRegistry::Schema(node.op_type(), opset, node.domain());
  if (!schema || (!schema->HasFunction() && !schema->HasContextDependentFunction()))
    return;
  for (const auto &[name, attribute] : schema->attributes()) {
    bool given = llvm::any_of(node.attribute(), [&name = name](const AttributeProto &a) { return a.name() == name; });
    if (!given && attribute.default_value.has_type() && attribute.default_value.type() != AttributeProto::UNDEFINED)
      *node.add_attribute() = attribute.default_value;
  }
}

Complaint qcc::importer::expandOperators(ModelProto &model, const std::vector<std::string> &whole) {
  return guard([&] {
    for (const OperatorSetIdProto &import : model.opset_import())
      if (import.domain() == ONNX_DOMAIN)
        for (NodeProto &node : *model.mutable_graph()->mutable_node())
          if (node.domain() == ONNX_DOMAIN && !llvm::is_contained(whole, node.op_type()))
            addDefaults(node, static_cast<int>(import.version()));
    inliner::FunctionIdVector kept;
    for (const std::string &name : whole)
      kept.emplace_back(ONNX_DOMAIN, name);
    auto expanded = inliner::FunctionIdSet::Create(std::move(kept), /*invert=*/true);
    inliner::InlineSelectedFunctions(model, *expanded, OpSchemaRegistry::Instance());
  });
}

static ModelProto withTypes(const ModelProto &model);

Complaint qcc::importer::expandNodes(ModelProto &model, const std::string &op, const NodeChoice &chooses) {
  static const std::string domain = "qcc.expanded";
  return guard([&] {
    int version = 0;
    for (const OperatorSetIdProto &import : model.opset_import())
      if (import.domain().empty())
        version = static_cast<int>(import.version());
    const OpSchema *schema = OpSchemaRegistry::Schema(op, version, ONNX_DOMAIN);
    if (!schema || !schema->HasContextDependentFunction())
      return;
    ModelProto typed = withTypes(model);
    std::unordered_map<std::string, TypeProto> types;
    for (const auto *list : {&typed.graph().input(), &typed.graph().value_info(), &typed.graph().output()})
      for (const ValueInfoProto &value : *list)
        types.emplace(value.name(), value.type());
    for (NodeProto &node : *model.mutable_graph()->mutable_node()) {
      if (node.op_type() != op || !node.domain().empty())
        continue;
      std::vector<TypeProto> inputs;
      for (const std::string &name : node.input())
        inputs.push_back(types[name]);
      if (!chooses(node, inputs))
        continue;
      FunctionProto body;
      if (!schema->BuildContextDependentFunction(FunctionBodyBuildContextImpl(node, inputs), body, version))
        throw std::runtime_error("ONNX does not define operator '" + op + "' with these attributes and types");
      body.set_name(op + "." + std::to_string(model.functions_size()));
      body.set_domain(domain);
      for (NodeProto &part : *body.mutable_node())
        part.set_name(node.name());                        // what messages call them
      node.set_domain(domain);
      node.set_op_type(body.name());
      node.clear_attribute();                              // the body is made for their values
      *model.add_functions() = std::move(body);
    }
    if (model.functions_size() == 0)
      return;
    OperatorSetIdProto *import = model.add_opset_import();
    import->set_domain(domain);
    import->set_version(1);
    std::set<std::string> before;
    for (const NodeProto &node : model.graph().node())
      before.insert(node.name());
    inliner::InlineLocalFunctions(model, /*convert_version=*/false);
    model.clear_functions();
    for (NodeProto &node : *model.mutable_graph()->mutable_node())
      if (!before.count(node.name()))                      // made unique by a suffix: "/attention__1_58"
        if (std::string name = node.name().substr(0, node.name().rfind("__")); before.count(name))
          node.set_name(name);
    auto &imports = *model.mutable_opset_import();
    imports.erase(std::remove_if(imports.begin(), imports.end(), [](const auto &one) { return one.domain() == domain; }), imports.end());
  });
}

Complaint qcc::importer::convertVersion(ModelProto &model, int target) {
  return guard([&] { model = version_conversion::ConvertVersion(model, target); });
}

/// The library joins its complaints, each of the form "(op_type:Add, node name: /add): message".
static std::vector<NodeComplaint> splitComplaints(const std::string &text) {
  static const std::string begin = "(op_type:", middle = ", node name: ", end = "): ";
  std::vector<NodeComplaint> complaints;
  for (size_t at = text.find(begin); at != std::string::npos;) {
    size_t next = text.find("\n" + begin, at);
    std::string one = text.substr(at + begin.size(), next == std::string::npos ? next : next - at - begin.size());
    at = next == std::string::npos ? next : next + 1;
    size_t close = one.find(end), name = one.find(middle);
    if (close == std::string::npos)
      continue;
    NodeComplaint complaint;
    bool named = name != std::string::npos && name < close;
    complaint.op = one.substr(0, named ? name : close);
    if (named)
      complaint.node = one.substr(name + middle.size(), close - name - middle.size());
    complaint.message = tidy(one.substr(close + end.size()));
    complaints.push_back(std::move(complaint));
  }
  if (complaints.empty())
    complaints.push_back({"", "", tidy(text)});
  // A node whose input has no type only follows the node that was to give it one.
  std::vector<NodeComplaint> causes;
  for (const NodeComplaint &complaint : complaints)
    if (complaint.message.find("but instead is null") == std::string::npos)
      causes.push_back(complaint);
  return causes.empty() ? complaints : causes;
}

/// ONNX's data propagation keeps one object for every element of a vector that flows through arithmetic, whatever its length says:
/// a few hundred bytes of file could ask for terabytes. Vectors that tell shapes are short.
static bool hasLongVectors(const ModelProto &model) {
  constexpr int64_t longest = 65536;
  auto isLong = [&](const ValueInfoProto &value) {
    const TensorShapeProto &shape = value.type().tensor_type().shape();
    return shape.dim_size() == 1 && shape.dim(0).dim_value() > longest;
  };
  ModelProto copy(model);                              // small: weights are not in it
  ShapeInferenceOptions options(/*check_type=*/false, /*error_mode=*/0, /*enable_data_propagation=*/false);
  shape_inference::InferShapes(copy, OpSchemaRegistry::Instance(), options);
  const GraphProto &graph = copy.graph();
  return llvm::any_of(graph.input(), isLong) || llvm::any_of(graph.value_info(), isLong) || llvm::any_of(graph.output(), isLong);
}

/// A copy with what inference finds, whatever else is wrong.
static ModelProto withTypes(const ModelProto &model) {
  ModelProto typed(model);
  shape_inference::DataValueMap values;
  ShapeInferenceOptions options(/*check_type=*/false, /*error_mode=*/0, /*enable_data_propagation=*/!hasLongVectors(model));
  shape_inference::InferShapes(typed, OpSchemaRegistry::Instance(), options, &values);
  return typed;
}

std::vector<NodeComplaint> qcc::importer::inferShapes(ModelProto &model) {
  try {
    shape_inference::DataValueMap values;
    ShapeInferenceOptions options(/*check_type=*/true, /*error_mode=*/1, /*enable_data_propagation=*/!hasLongVectors(model));
    shape_inference::InferShapes(model, OpSchemaRegistry::Instance(), options, &values);
    return {};
  } catch (const std::bad_alloc &) {
    return {{"", "", "out of memory"}};
  } catch (const std::exception &error) {
    return splitComplaints(error.what());
  } catch (...) {
    return {{"", "", "unknown exception"}};
  }
}
