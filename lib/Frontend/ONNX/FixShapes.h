// Extents that the user fixes, before types are inferred: inference then carries them through the graph.
#ifndef QCC_LIB_FRONTEND_ONNX_FIXSHAPES_H
#define QCC_LIB_FRONTEND_ONNX_FIXSHAPES_H
#include "lib/Frontend/ONNX/Library.h"
#include "lib/Frontend/ONNX/Problems.h"
#include "qcc/Frontend/InputShape.h"

namespace qcc::importer {
/// Gives inputs the extents of `shapes`. A name that is a number becomes that number first. A named dimension gets its number in every input and output, also as a term of a sum
/// ("past_sequence_length + sequence_length"). An input that does not exist, another rank, an extent that the file fixes differently and one
/// name with two numbers are problems; each tells the input's shape.
void fixShapes(proto::ModelProto &model, const std::vector<InputShape> &shapes, Problems &problems);
} // namespace qcc::importer
#endif
