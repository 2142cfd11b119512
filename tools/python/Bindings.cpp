// The C API of artifacts for Python: as thin as possible; arrays are made in qcc/__init__.py and only filled here.
// This file is compiled with exceptions, which nanobind turns into Python's.
#include "lib/Artifact/ModelLibrary.h"
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <stdexcept>
namespace nb = nanobind;
namespace {

using InputArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using OutputArray = nb::ndarray<nb::c_contig, nb::device::cpu>;

class Model {
public:
  Model(const std::string &path, std::optional<std::string> weights, std::optional<std::string> variant, int threads, unsigned flags) {
    char error[1024];
    if (model_library_load(&api, path.c_str(), error, sizeof error))
      throw std::runtime_error(error);
    qcc_options options = {};
    options.size = sizeof options;
    options.weights = weights ? weights->c_str() : nullptr;
    options.variant = variant ? variant->c_str() : nullptr;
    options.threads = threads;
    options.flags = flags;
    qcc_status status = api.open(&options, &model);
    if (status != QCC_OK) {
      std::string message = api.error(model);
      api.close(model);
      model_library_unload(&api);
      raise(status, message);
    }
    info.size = sizeof info;
    api.get_info(model, &info);
  }
  ~Model() {
    api.close(model);
    model_library_unload(&api);
  }
  Model(const Model &) = delete;

  [[noreturn]] static void raise(qcc_status status, const std::string &message) {
    if (status == QCC_ERROR_MEMORY)
      throw std::bad_alloc();
    if (status == QCC_ERROR_ARGUMENT || status == QCC_ERROR_TOKEN || status == QCC_ERROR_CONTEXT)
      throw nb::value_error(message.c_str());
    throw std::runtime_error(message);
  }
  void check(qcc_status status) const {
    if (status != QCC_OK)
      raise(status, api.error(model));
  }

  /// (name, DLPack type code, bits, shape): an extent that the caller chooses is the name of its dimension.
  nb::list ports(bool inputs) const {
    nb::list list;
    for (int64_t i = 0; i < (inputs ? info.num_inputs : info.num_outputs); ++i) {
      qcc_port_info port = {};
      port.size = sizeof port;
      check((inputs ? api.input_info : api.output_info)(model, i, &port));
      nb::list shape;
      for (int d = 0; d < port.rank; ++d)
        port.dims[d] ? shape.append(nb::str(port.dims[d])) : shape.append(port.shape[d]);
      list.append(nb::make_tuple(port.name, int(port.dtype.code), int(port.dtype.bits), nb::tuple(shape)));
    }
    return list;
  }

  std::vector<int64_t> outputShape(const std::vector<InputArray> &inputs, int64_t output, int rank) const {
    std::vector<DLTensor> tensors = describe(inputs);
    int64_t shape[8];
    check(api.output_shape(model, tensors.data(), tensors.size(), output, shape));
    return std::vector<int64_t>(shape, shape + rank);
  }

  void run(const std::vector<InputArray> &inputs, const std::vector<OutputArray> &outputs) const {
    std::vector<DLTensor> in = describe(inputs), out = describe(outputs);
    qcc_status status;
    {
      nb::gil_scoped_release release;
      status = api.run(model, in.data(), in.size(), out.data(), out.size());
    }
    check(status);
  }

  ModelLibrary api = {};
  qcc_model *model = nullptr;
  qcc_info info = {};

private:
  template <typename Array> static std::vector<DLTensor> describe(const std::vector<Array> &arrays) {
    std::vector<DLTensor> tensors;
    for (const Array &array : arrays) {
      DLTensor t = {};
      t.data = const_cast<void *>(static_cast<const void *>(array.data()));
      t.device.device_type = static_cast<decltype(t.device.device_type)>(1);
      t.ndim = int(array.ndim());
      t.dtype = {array.dtype().code, array.dtype().bits, array.dtype().lanes};
      t.shape = const_cast<int64_t *>(array.shape_ptr());
      tensors.push_back(t);
    }
    return tensors;
  }
};

/// Python keeps the model alive as long as its sessions.
class Session {
public:
  Session(const Model &model, int64_t batch, int64_t context) : model(model), batch(batch) {
    qcc_session_options options = {sizeof options, batch, context};
    model.check(model.api.session_open(model.model, &options, &session));
  }
  ~Session() { model.api.session_close(session); }
  Session(const Session &) = delete;

  void append(nb::ndarray<const int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu> tokens, int what,
              std::optional<nb::ndarray<float, nb::c_contig, nb::device::cpu>> logits) const {
    size_t rows = what == QCC_LOGITS_ALL ? tokens.shape(0) * tokens.shape(1) : what == QCC_LOGITS_LAST ? tokens.shape(0) : 0;
    if (int64_t(tokens.shape(0)) != batch || (rows && (!logits || logits->size() != rows * size_t(model.info.vocabulary))))
      throw nb::value_error(("tokens must have shape [" + std::to_string(batch) + ", n], and logits a row of the vocabulary for each position").c_str());
    qcc_status status;
    {
      nb::gil_scoped_release release;
      status = model.api.session_append(session, tokens.data(), tokens.shape(1), what, rows ? logits->data() : nullptr);
    }
    model.check(status);
  }
  int64_t position() const { return model.api.session_position(session); }
  void truncate(int64_t position) const { model.check(model.api.session_truncate(session, position)); }

private:
  const Model &model;
  qcc_session *session = nullptr;
  int64_t batch;
};
} // namespace

NB_MODULE(_qcc, m) {
  nb::class_<Model>(m, "Model")
      .def(nb::init<const std::string &, std::optional<std::string>, std::optional<std::string>, int, unsigned>(), nb::arg("path"), nb::arg("weights").none(),
           nb::arg("variant").none(), nb::arg("threads"), nb::arg("flags"))
      .def("ports", &Model::ports)
      .def("output_shape", &Model::outputShape)
      .def("run", &Model::run)
      .def_prop_ro("variant", [](const Model &m) { return m.info.variant; })
      .def_prop_ro("threads", [](const Model &m) { return m.info.threads; })
      .def_prop_ro("has_state", [](const Model &m) { return m.info.has_state != 0; })
      .def_prop_ro("max_context", [](const Model &m) { return m.info.max_context; })
      .def_prop_ro("vocabulary", [](const Model &m) { return m.info.vocabulary; })
      .def_prop_ro("manifest", [](const Model &m) { return m.info.manifest; });
  nb::class_<Session>(m, "Session")
      .def(nb::init<const Model &, int64_t, int64_t>(), nb::keep_alive<1, 2>())
      .def("append", &Session::append, nb::arg("tokens"), nb::arg("what"), nb::arg("logits").none())
      .def("truncate", &Session::truncate)
      .def_prop_ro("position", &Session::position);
  m.attr("VERIFY_WEIGHTS") = int(QCC_VERIFY_WEIGHTS);
  m.attr("COPY_WEIGHTS") = int(QCC_COPY_WEIGHTS);
  m.attr("PIN_THREADS") = int(QCC_PIN_THREADS);
}
