// The boundary to ONNX's C++ library: it throws, we do not. Every function here catches all that the library throws and returns the message.
#ifndef QCC_LIB_FRONTEND_ONNX_LIBRARY_H
#define QCC_LIB_FRONTEND_ONNX_LIBRARY_H
#include "onnx/onnx_pb.h"
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace qcc::importer {
namespace proto = ::onnx; // `onnx` alone would be our dialect in here

/// Nothing, or what the library complained about: its first line, lower case, no full stop.
using Complaint = std::optional<std::string>;

/// The version range of ONNX's own operators that qcc reads, and of the file format itself.
constexpr int oldestOpset = 13;
/// Files below this opset are converted to it: from here on, reductions and Split take their axes and sizes as inputs, as the handlers expect.
constexpr int baseOpset = 18;
int newestOpset();
int64_t newestIrVersion();

/// Parses `bytes` without the library's own messages on standard error; false if they are no ModelProto.
bool parseModel(const std::string &bytes, proto::ModelProto &model);

using Opsets = std::unordered_map<std::string, int>;

/// What the registry knows about an operator of a domain at a version. `since` is 0 when it does not know it.
struct Operator {
  int since = 0;
  bool deprecated = false;
  bool bodyDependsOnTypes = false; // a function whose body is built from the types of the call's inputs
  std::vector<std::string> unknownAttributes; // of the node
};
Operator findOperator(const proto::NodeProto &node, int version);

Complaint checkTensor(const proto::TensorProto &tensor);
Complaint checkValueInfo(const proto::ValueInfoProto &value);
Complaint checkNode(const proto::NodeProto &node, int64_t irVersion, const Opsets &opsets);
/// Model-local functions: well formed, no cycles.
Complaint checkFunctions(const proto::ModelProto &model);
/// Replaces calls of model-local functions by their bodies.
Complaint inlineFunctions(proto::ModelProto &model);
/// Replaces operators that ONNX defines as functions by their bodies, but not those in `whole` (of ONNX's own domain).
Complaint expandOperators(proto::ModelProto &model, const std::vector<std::string> &whole);
/// Converts ONNX's own operators to version `target`.
/// Replaces the nodes of operator `op` that `chooses` by ONNX's definition of it. Types of inputs are what inference finds; empty where it does not.
using NodeChoice = std::function<bool(const proto::NodeProto &, const std::vector<proto::TypeProto> &inputs)>;
Complaint expandNodes(proto::ModelProto &model, const std::string &op, const NodeChoice &chooses);

Complaint convertVersion(proto::ModelProto &model, int target);

/// Adds a value_info for every value whose type can be inferred, or returns one complaint for every node in conflict. `node` is the name of the
/// node that the complaint is about, empty if it does not say.
struct NodeComplaint {
  std::string node, op, message;
};
std::vector<NodeComplaint> inferShapes(proto::ModelProto &model);
} // namespace qcc::importer
#endif
