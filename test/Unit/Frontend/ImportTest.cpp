// The importer as a function of bytes: whatever they are, it returns a module or says why not.
#include "qcc/Frontend/ImportONNX.h"
#include "onnx/onnx_pb.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include <gtest/gtest.h>
using namespace qcc;

namespace {
/// A small model with all that importing does: weights in the file, constants, an operator of ONNX Runtime, a function.
std::string makeModel() {
  onnx::ModelProto model;
  model.set_ir_version(10);
  auto import = [](auto &proto, const char *domain, int64_t version) {
    auto *opset = proto.add_opset_import();
    opset->set_domain(domain);
    opset->set_version(version);
  };
  import(model, "", 18);
  import(model, "com.microsoft", 1);
  import(model, "local", 1);
  auto value = [](onnx::ValueInfoProto *info, const char *name) {
    info->set_name(name);
    auto *tensor = info->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(onnx::TensorProto::FLOAT);
    tensor->mutable_shape()->add_dim()->set_dim_param("n");
    tensor->mutable_shape()->add_dim()->set_dim_value(8);
  };
  auto *graph = model.mutable_graph();
  graph->set_name("g");
  value(graph->add_input(), "x");
  value(graph->add_output(), "y");
  auto node = [](onnx::NodeProto *node, const char *type, std::initializer_list<const char *> inputs, const char *output, const char *domain = "") {
    node->set_op_type(type);
    node->set_domain(domain);
    for (const char *input : inputs)
      node->add_input(input);
    node->add_output(output);
  };
  node(graph->add_node(), "MatMul", {"x", "w"}, "h");
  node(graph->add_node(), "Gelu", {"h"}, "g", "com.microsoft");
  node(graph->add_node(), "Twice", {"g"}, "t", "local");
  node(graph->add_node(), "ReduceSum", {"t", "axes"}, "s");
  auto *keep = graph->mutable_node(3)->add_attribute();
  keep->set_name("keepdims");
  keep->set_type(onnx::AttributeProto::INT);
  keep->set_i(1);
  node(graph->add_node(), "Add", {"t", "s"}, "y");
  auto tensor = [&](const char *name, int32_t type, std::initializer_list<int64_t> dims, std::string bytes) {
    auto *tensor = graph->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (int64_t dim : dims)
      tensor->add_dims(dim);
    tensor->set_raw_data(std::move(bytes));
  };
  tensor("w", onnx::TensorProto::FLOAT, {8, 8}, std::string(256, '\0'));
  tensor("axes", onnx::TensorProto::INT64, {1}, std::string(8, '\xff'));
  auto *function = model.add_functions();
  function->set_domain("local");
  function->set_name("Twice");
  function->add_input("a");
  function->add_output("b");
  import(*function, "", 18);
  node(function->add_node(), "Add", {"a", "a"}, "b");
  return model.SerializeAsString();
}

class Import : public ::testing::Test {
protected:
  Import() : context(mlir::MLIRContext::Threading::DISABLED) {
    context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
      errors += diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
      return mlir::success();
    });
  }
  ImportedModel import(const std::string &bytes) {
    errors = 0;
    return importONNX(llvm::MemoryBuffer::getMemBuffer(bytes, "test", false), "test.onnx", "", context);
  }
  /// Either a valid module and no error, or no module, a code for bad input, and at least one error.
  void expectOrderly(const std::string &bytes, const std::string &what) {
    ImportedModel imported = import(bytes);
    if (imported.module) {
      EXPECT_EQ(imported.code, ExitSuccess) << what;
      EXPECT_EQ(errors, 0) << what;
      EXPECT_TRUE(succeeded(mlir::verify(*imported.module))) << what;
      return;
    }
    EXPECT_GT(errors, 0) << what;
    EXPECT_TRUE(imported.code == ExitInput || imported.code == ExitMalformed || imported.code == ExitUnsupported || imported.code == ExitResource)
        << what << ": exit code " << imported.code;
  }
  mlir::MLIRContext context;
  int errors = 0;
};

TEST_F(Import, AcceptsTheModelItself) {
  ImportedModel imported = import(makeModel());
  EXPECT_TRUE(imported.module);
  EXPECT_EQ(imported.code, ExitSuccess);
  EXPECT_EQ(errors, 0);
}

TEST_F(Import, RefusesEveryTruncation) {
  std::string model = makeModel();
  for (size_t size = 0; size < model.size(); ++size)
    expectOrderly(model.substr(0, size), "cut at " + std::to_string(size));
}

TEST_F(Import, SurvivesEveryFlippedBit) {
  std::string model = makeModel();
  for (size_t byte = 0; byte < model.size(); ++byte)
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string flipped = model;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1u << bit));
      expectOrderly(flipped, "bit " + std::to_string(bit) + " of byte " + std::to_string(byte));
    }
}

TEST_F(Import, SurvivesHugeLengths) {
  std::string model = makeModel();
  for (size_t byte = 0; byte < model.size(); ++byte) {
    std::string changed = model;
    changed.replace(byte, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
    expectOrderly(changed, "a varint of 2^63 - 1 at " + std::to_string(byte));
  }
}

TEST_F(Import, RefusesSubgraphsNestedDeeply) {
  onnx::ModelProto model;
  model.ParseFromString(makeModel());
  std::string inner;
  for (int depth = 0; depth < 1000; ++depth) { // each level: a graph with a node with an attribute with a graph
    onnx::GraphProto graph;
    auto *attribute = graph.add_node()->add_attribute();
    attribute->set_type(onnx::AttributeProto::GRAPH);
    std::string bytes = attribute->SerializeAsString();
    auto wrap = [](uint32_t number, const std::string &payload) {
      std::string out(1, static_cast<char>(number << 3 | 2));
      for (size_t size = payload.size();; size >>= 7) {
        out.push_back(static_cast<char>(size < 0x80 ? size : size | 0x80));
        if (size < 0x80)
          break;
      }
      return out + payload;
    };
    inner = wrap(1, wrap(5, bytes + wrap(6, inner)));
  }
  expectOrderly(model.SerializeAsString() + std::string("\x3a") + static_cast<char>(0), "an empty second graph");
  std::string deep = model.SerializeAsString();
  std::string header(1, '\x3a'); // ModelProto.graph once more: it merges
  for (size_t size = inner.size();; size >>= 7) {
    header.push_back(static_cast<char>(size < 0x80 ? size : size | 0x80));
    if (size < 0x80)
      break;
  }
  expectOrderly(deep + header + inner, "1000 nested graphs");
}
} // namespace
