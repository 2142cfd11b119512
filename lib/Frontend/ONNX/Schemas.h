// ONNX Runtime's own operators, described to ONNX's library.
#ifndef QCC_LIB_FRONTEND_ONNX_SCHEMAS_H
#define QCC_LIB_FRONTEND_ONNX_SCHEMAS_H
#include <string>
#include <vector>

namespace qcc::importer {
/// Adds the schemas of Schemas.cpp to the library's registry, once for the process. Compiled with exceptions, throws none.
/// False if the registry refuses one (a row is wrong).
bool registerSchemas();
/// The inputs of an operator of these schemas that are stored parts of a quantized weight.
std::vector<int> quantizedInputs(const std::string &domain, const std::string &name);
/// The domain of most of them, always at version 1.
constexpr char microsoft[] = "com.microsoft";
} // namespace qcc::importer
#endif
