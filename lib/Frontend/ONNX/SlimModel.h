// Takes the weights out of a serialized model before it is parsed, so that ONNX's library only ever sees a small one.
#ifndef QCC_LIB_FRONTEND_ONNX_SLIMMODEL_H
#define QCC_LIB_FRONTEND_ONNX_SLIMMODEL_H
#include "lib/Frontend/ONNX/Problems.h"
#include "llvm/ADT/ArrayRef.h"
#include <optional>

namespace qcc::importer {
/// Tensors of more raw bytes than this stay in the file. Those that become constants by value are read back (Tensors.h); what is smaller and yet no
/// constant costs a copy, so the limit is low.
constexpr int64_t inlineBytes = 64;
/// The `location` of external data that lies in source file n is "#n". Files cannot say this themselves: it is refused as a path.
constexpr char sourceLocation = '#';

/// Copies the serialized ModelProto `model`, replacing large `raw_data` (and `float_data`, `double_data` packed in one run, which have the same
/// layout) of the main graph's and the functions' tensors by external data in file 0. The copy may reach `limit` bytes.
/// Reads the wire format once, from left to right, and skips what it takes out: untouched pages of a mapped file are never loaded.
/// Only descends along the fixed paths to such tensors, so that the depth is bounded by construction; all else is copied unread.
/// nullopt, with a problem, when the bytes are no protobuf message or the limit is exceeded.
std::optional<std::string> slimModel(llvm::ArrayRef<uint8_t> model, int64_t limit, Problems &problems);
} // namespace qcc::importer
#endif
