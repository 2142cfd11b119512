// The pass over the wire format: what it leaves in the file, and that nothing else changes.
#include "lib/Frontend/ONNX/SlimModel.h"
#include "onnx/onnx_pb.h"
#include <gtest/gtest.h>
using namespace qcc::importer;

namespace {
std::optional<std::string> slim(const std::string &bytes, Problems &problems, int64_t limit = 1 << 20) {
  return slimModel(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()), limit, problems);
}

onnx::ModelProto parse(const std::string &bytes) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  return model;
}

std::string entry(const onnx::TensorProto &tensor, const std::string &key) {
  for (const auto &entry : tensor.external_data())
    if (entry.key() == key)
      return entry.value();
  return "";
}

TEST(SlimModel, LeavesLargeRawDataInTheFile) {
  onnx::ModelProto model;
  auto *tensor = model.mutable_graph()->add_initializer();
  tensor->set_name("w");
  tensor->set_raw_data(std::string(1000, 'r'));
  model.mutable_graph()->set_name("after");
  std::string bytes = model.SerializeAsString();
  Problems problems;
  std::optional<std::string> out = slim(bytes, problems);
  ASSERT_TRUE(out);
  EXPECT_LT(out->size(), 200u);
  onnx::ModelProto copy = parse(*out);
  const onnx::TensorProto &found = copy.graph().initializer(0);
  EXPECT_EQ(found.name(), "w");
  EXPECT_EQ(copy.graph().name(), "after");
  EXPECT_FALSE(found.has_raw_data());
  EXPECT_EQ(found.data_location(), onnx::TensorProto::EXTERNAL);
  EXPECT_EQ(entry(found, "location"), "#0");
  EXPECT_EQ(entry(found, "length"), "1000");
  EXPECT_EQ(bytes.substr(std::stoul(entry(found, "offset")), 1000), std::string(1000, 'r'));
}

TEST(SlimModel, LeavesPackedFloatsButNoOtherTypedValues) {
  onnx::ModelProto model;
  auto *floats = model.mutable_graph()->add_initializer();
  floats->set_data_type(onnx::TensorProto::FLOAT);
  auto *integers = model.mutable_graph()->add_initializer();
  integers->set_data_type(onnx::TensorProto::INT64);
  for (int i = 0; i < 100; ++i) {
    floats->add_float_data(static_cast<float>(i));
    integers->add_int64_data(i);
  }
  std::string bytes = model.SerializeAsString();
  Problems problems;
  onnx::ModelProto copy = parse(*slim(bytes, problems));
  EXPECT_EQ(copy.graph().initializer(0).float_data_size(), 0);
  EXPECT_EQ(entry(copy.graph().initializer(0), "length"), "400");
  float second;
  std::memcpy(&second, bytes.data() + std::stoul(entry(copy.graph().initializer(0), "offset")) + 4, 4);
  EXPECT_EQ(second, 1.0f);
  EXPECT_EQ(copy.graph().initializer(1).int64_data_size(), 100);
}

TEST(SlimModel, FindsConstantsOfNodesAndFunctions) {
  onnx::ModelProto model;
  auto add = [](onnx::NodeProto *node) { node->add_attribute()->mutable_t()->set_raw_data(std::string(100, 'c')); };
  add(model.mutable_graph()->add_node());
  add(model.add_functions()->add_node());
  Problems problems;
  onnx::ModelProto copy = parse(*slim(model.SerializeAsString(), problems));
  EXPECT_EQ(entry(copy.graph().node(0).attribute(0).t(), "length"), "100");
  EXPECT_EQ(entry(copy.functions(0).node(0).attribute(0).t(), "length"), "100");
}

TEST(SlimModel, KeepsSmallTensorsAndUnknownFields) {
  onnx::ModelProto model;
  model.set_producer_name("p");
  model.mutable_graph()->add_initializer()->set_raw_data("12345678");
  std::string bytes = model.SerializeAsString();
  bytes += std::string("\xfa\x3e\x01z", 4); // field 1007, a string
  Problems problems;
  EXPECT_EQ(slim(bytes, problems), bytes);
}

TEST(SlimModel, RefusesTwoRawData) {
  onnx::ModelProto model;
  model.mutable_graph()->add_initializer()->set_raw_data(std::string(100, 'a'));
  std::string tensor = model.graph().initializer(0).SerializeAsString();
  tensor += tensor;
  std::string initializer = std::string("\x2a") + static_cast<char>((tensor.size() & 0x7f) | 0x80) + static_cast<char>(tensor.size() >> 7) + tensor;
  std::string bytes = std::string("\x3a") + static_cast<char>((initializer.size() & 0x7f) | 0x80) + static_cast<char>(initializer.size() >> 7) + initializer;
  Problems problems;
  EXPECT_FALSE(slim(bytes, problems));
  ASSERT_EQ(problems.list.size(), 1u);
  EXPECT_EQ(problems.list[0].rule, Rule::NotAModel);
}

TEST(SlimModel, StopsAtTheLimit) {
  onnx::ModelProto model;
  model.mutable_graph()->set_doc_string(std::string(5000, 'd'));
  Problems problems;
  EXPECT_FALSE(slim(model.SerializeAsString(), problems, 1000));
  ASSERT_EQ(problems.list.size(), 1u);
  EXPECT_EQ(problems.list[0].rule, Rule::ResourceLimit);
}

TEST(SlimModel, SkipsGroupsAndRefusesBrokenOnes) {
  Problems problems;
  EXPECT_TRUE(slim(std::string("\xa3\x06\x08\x01\xa4\x06", 6), problems));  // group 100 {1: 1}
  EXPECT_FALSE(slim(std::string("\xa3\x06\x08\x01\xac\x06", 6), problems)); // ended by group 101
  EXPECT_FALSE(slim(std::string(100000, '\x0b'), problems));                 // 100000 groups, none of them ended
}
} // namespace
