// The steps of an import, in order. Each either leaves the model better or adds problems; an import stops at the first step with problems, since
// later steps trust what earlier ones checked.
#include "qcc/Frontend/ImportONNX.h"
#include "dialects/ONNX/ONNX.h"
#include "lib/Frontend/ONNX/BuildModule.h"
#include "lib/Frontend/ONNX/CheckModel.h"
#include "lib/Frontend/ONNX/Constants.h"
#include "lib/Frontend/ONNX/Expand.h"
#include "lib/Frontend/ONNX/FixShapes.h"
#include "lib/Frontend/ONNX/Schemas.h"
#include "lib/Frontend/ONNX/SlimModel.h"
#include "lib/Frontend/ONNX/Tensors.h"
#include "qcc/Frontend/Diagnostics.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::importer;

namespace {
class Importer {
public:
  Importer(SourceFiles &sources, StringRef folder, MLIRContext &context, const ImportOptions &options)
      : sources(sources), external(folder.str(), std::string(sources.name(0)), options.strictPaths, options.allowAbsentData, sources), context(context), options(options) {}
  OwningOpRef<ModuleOp> run();
  Problems problems;

private:
  bool parse();
  void normalizeNames();
  void normalizeTensors();
  void foldConstants();
  void removeDefaults();
  void fixInputShapes();
  void convert();
  void expand();
  void inferTypes();

  SourceFiles &sources;
  ExternalData external;
  MLIRContext &context;
  const ImportOptions &options;
  proto::ModelProto model;
  Opsets opsets;
  NodeIndices indices;
  ConstantOrigins constants;
};
} // namespace

bool Importer::parse() {
  ArrayRef<uint8_t> bytes = *sources.bytes(0, 0, sources.size(0));
  if (bytes.empty()) {
    problems.add(Rule::NotAModel, {}, "the file is empty");
    return false;
  }
  std::optional<std::string> slim = slimModel(bytes, options.limits.graphBytes, problems);
  if (!slim)
    return false;
  if (!parseModel(*slim, model))
    problems.add(Rule::NotAModel, {}, "the file is no ONNX model");
  else if (model.graph().node_size() > options.limits.nodes)
    problems.add(Rule::ResourceLimit, {}, "the model has more than " + std::to_string(options.limits.nodes) + " nodes");
  return !problems.any();
}

/// "ai.onnx" is another name of the empty domain: from here on there is one.
void Importer::normalizeNames() {
  auto normalize = [](auto &list) {
    for (auto &entry : list)
      if (entry.domain() == "ai.onnx")
        entry.clear_domain();
  };
  normalize(*model.mutable_graph()->mutable_node());
  normalize(*model.mutable_opset_import());
  normalize(*model.mutable_functions());
  for (auto &function : *model.mutable_functions()) {
    normalize(*function.mutable_node());
    normalize(*function.mutable_opset_import());
  }
  for (auto [index, node] : llvm::enumerate(model.graph().node()))
    for (const std::string &output : node.output())
      if (!output.empty())
        indices.try_emplace(output, static_cast<int64_t>(index));
  model.mutable_graph()->clear_value_info(); // hints that may lie; types are inferred
}

void Importer::normalizeTensors() {
  Tensors tensors(sources, external, options.limits.typedBytes, problems);
  auto weights = quantizedWeights(model.graph());
  for (auto [index, tensor] : llvm::enumerate(*model.mutable_graph()->mutable_initializer()))
    tensors.normalize(tensor, {"initializer", tensor.name(), static_cast<int64_t>(index)}, weights.contains(tensor.name()));
  auto normalizeNode = [&](proto::NodeProto &node) {
    for (auto &attribute : *node.mutable_attribute())
      if (attribute.has_t())
        tensors.normalize(*attribute.mutable_t(), nodeSubject(node, opsets, indices));
  };
  for (auto &node : *model.mutable_graph()->mutable_node())
    normalizeNode(node);
  for (auto &function : *model.mutable_functions())
    for (auto &node : *function.mutable_node())
      normalizeNode(node);
  tensors.finish();
}

/// Constant nodes become initializers, so that there is one kind of constant; lists of numbers in them may be long.
void Importer::foldConstants() {
  constantsToInitializers(model, opsets, indices, constants, problems);
  Tensors tensors(sources, external, options.limits.typedBytes, problems);
  for (auto &tensor : *model.mutable_graph()->mutable_initializer())
    if (!Tensors::isOutside(tensor))
      tensors.normalize(tensor, {"initializer", tensor.name(), 0});
  tensors.finish();
}

/// An input with an initializer is an input with a default. Programs have no optional inputs: it is the constant.
void Importer::removeDefaults() {
  llvm::StringSet<> names;
  for (const auto &tensor : model.graph().initializer())
    names.insert(tensor.name());
  auto &inputs = *model.mutable_graph()->mutable_input();
  inputs.erase(llvm::remove_if(inputs, [&](const auto &input) { return names.contains(input.name()); }), inputs.end());
  model.set_ir_version(std::max<int64_t>(model.ir_version(), 8)); // before version 4 every initializer had to be an input
}

/// Before conversion and expansion: they may depend on shapes.
void Importer::fixInputShapes() { fixShapes(model, options.shapes, problems); }

void Importer::convert() {
  convertOpset(model, opsets, problems);
  foldConstants(); // the library's adapters add Constant nodes
}

void Importer::expand() {
  expandDefinedOperators(model, opsets, options.limits, problems);
  foldConstants(); // so do the bodies of functions
}

void Importer::inferTypes() {
  model.mutable_graph()->clear_value_info();
  llvm::StringMap<Subject> subjects;
  std::vector<NodeComplaint> complaints = inferShapes(model);
  if (!complaints.empty())
    for (const auto &node : model.graph().node())
      subjects.try_emplace(node.name(), nodeSubject(node, opsets, indices));
  for (const NodeComplaint &complaint : complaints) {
    auto known = subjects.find(complaint.node);
    Subject subject = known == subjects.end() || complaint.node.empty() ? Subject() : known->second;
    std::string prefix = subject.kind.empty() && !complaint.op.empty() ? "a node of operator '" + complaint.op + "': " : "";
    problems.add(Rule::TypeMismatch, subject, prefix + complaint.message);
  }
  if (problems.any())
    return;
  // Now that more shapes are known: the operators whose weights are not plain initializers.
  llvm::StringMap<const proto::TypeProto *> types;
  for (const auto &list : {std::cref(model.graph().value_info()), std::cref(model.graph().input()), std::cref(model.graph().output())})
    for (const auto &value : list.get())
      types.try_emplace(value.name(), &value.type());
  auto tensorOf = [&](const std::string &name) -> std::optional<KnownTensor> {
    const proto::TypeProto *type = types.lookup(name);
    if (!type || !type->tensor_type().has_shape())
      return std::nullopt;
    KnownTensor known = {{}, type->tensor_type().elem_type()};
    for (const auto &dim : type->tensor_type().shape().dim())
      known.dims.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    return known;
  };
  llvm::StringMap<int32_t> constantTypes;
  for (const auto &tensor : model.graph().initializer())
    constantTypes.try_emplace(tensor.name(), tensor.data_type());
  auto elementOf = [&](const std::string &name) -> int32_t {
    const proto::TypeProto *type = types.lookup(name);
    return type ? type->tensor_type().elem_type() : constantTypes.lookup(name);
  };
  for (const auto &node : model.graph().node()) {
    checkOperands(node, elementOf, nodeSubject(node, opsets, indices), problems);
    if (!node.domain().empty())
      checkOperator(node, tensorOf, nodeSubject(node, opsets, indices), problems);
  }
}

OwningOpRef<ModuleOp> Importer::run() {
  if (!parse())
    return {};
  normalizeNames();
  opsets = checkHeader(model, problems);
  checkSubgraphs(model, opsets, indices, problems);
  normalizeTensors();
  if (!problems.any())
    expandFunctions(model, options.limits, problems);
  checkGraph(model, opsets, indices, problems);
  // Nothing below sees a model with a known problem.
  void (Importer::*steps[])() = {&Importer::foldConstants, &Importer::removeDefaults, &Importer::fixInputShapes,
                                &Importer::convert,       &Importer::expand,         &Importer::inferTypes};
  for (auto step : steps) {
    if (problems.any())
      return {};
    (this->*step)();
  }
  if (problems.any())
    return {};
  return buildModule(model, sources, opsets, indices, constants, &context, problems);
}

/// Messages quote names of the file: control characters must not forge lines or colours, and a megabyte must not fill the screen.
static std::string printable(StringRef message) {
  constexpr size_t longest = 1000;
  std::string text;
  for (unsigned char c : message.take_front(longest)) {
    if (c >= 0x20 && c != 0x7f)
      text.push_back(static_cast<char>(c));
    else
      text += {'\\', 'x', llvm::hexdigit(c >> 4), llvm::hexdigit(c & 15)};
  }
  return message.size() > longest ? text + "..." : text;
}

/// Emits every problem as a diagnostic and returns the code of the gravest.
static ExitCode report(const Problems &problems, StringRef file, MLIRContext &context) {
  static const ExitCode order[] = {ExitMalformed, ExitInput, ExitResource, ExitUnsupported, ExitUsage};
  auto rank = [&](ExitCode code) { return llvm::find(order, code) - std::begin(order); };
  ExitCode worst = ExitUsage;
  for (const Problem &problem : problems.list) {
    const Subject &subject = problem.subject;
    Location where = subject.kind.empty() ? onnxLocation(&context, file) : onnxLocation(&context, file, subject.kind, subject.name, subject.index);
    InFlightDiagnostic diagnostic = emitError(where) << printable(problem.message) << " [" << ruleName(problem.rule) << "]";
    for (const std::string &note : problem.notes)
      diagnostic.attachNote() << printable(note);
    worst = rank(exitCode(problem.rule)) < rank(worst) ? exitCode(problem.rule) : worst;
  }
  if (problems.dropped)
    emitError(onnxLocation(&context, file)) << "and " << problems.dropped << " more problems";
  return worst;
}

const char *qcc::importer::ruleName(Rule rule) {
  static const char *const names[] = {
#define QCC_RULE(Id, Name, Code) Name,
#include "lib/Frontend/ONNX/Rules.def"
  };
  return names[static_cast<size_t>(rule)];
}

ExitCode qcc::importer::exitCode(Rule rule) {
  static const ExitCode codes[] = {
#define QCC_RULE(Id, Name, Code) Code,
#include "lib/Frontend/ONNX/Rules.def"
  };
  return codes[static_cast<size_t>(rule)];
}

ImportedModel qcc::importONNX(std::unique_ptr<llvm::MemoryBuffer> buffer, StringRef name, StringRef folder, MLIRContext &context,
                              const ImportOptions &options) {
  context.loadDialect<qcc::onnx::OnnxDialect, func::FuncDialect>();
  ImportedModel imported;
  imported.sources = std::make_shared<SourceFiles>();
  imported.sources->add(name.str(), std::move(buffer));
  if (!registerSchemas()) {
    imported.code = ExitInternal;
    return imported;
  }
  Importer importer(*imported.sources, folder, context, options);
  imported.module = importer.run();
  if (importer.problems.any()) {
    imported.module = {};
    imported.code = report(importer.problems, name, context);
  }
  return imported;
}

ImportedModel qcc::importONNX(StringRef path, MLIRContext &context, const ImportOptions &options) {
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer = mapFile(path, options.limits.fileBytes);
  if (!buffer) {
    Problems problems;
    bool tooLarge = buffer.getError() == std::errc::file_too_large;
    std::string reason = tooLarge ? "the file has more than " + std::to_string(options.limits.fileBytes) + " bytes, the most that protobuf reads"
                                  : buffer.getError().message();
    problems.add(tooLarge ? Rule::ResourceLimit : Rule::UnreadableFile, {}, "cannot be read: " + reason);
    ImportedModel imported;
    imported.code = report(problems, path, context);
    return imported;
  }
  StringRef folder = llvm::sys::path::parent_path(path);
  return importONNX(std::move(*buffer), path, path == "-" ? StringRef() : folder.empty() ? StringRef(".") : folder, context, options);
}
