// One boxed call for all ops, through libtorch's dispatcher: JavaScript arguments -> IValues -> results.
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include <algorithm>
#include <cmath>

#include "addon.h"

namespace couplet {
namespace {

ArgKind kindOf(const c10::TypePtr& type) {
  using K = c10::TypeKind;
  switch (type->kind()) {
    case K::TensorType: return ArgKind::Tensor;
    case K::NumberType: return ArgKind::Scalar;
    case K::IntType: return ArgKind::Int;
    case K::FloatType: return ArgKind::Float;
    case K::BoolType: return ArgKind::Bool;
    case K::StringType: return ArgKind::String;
    case K::DeviceObjType: return ArgKind::Device;
    case K::GeneratorType: return ArgKind::Generator;
    case K::ListType: {
      const auto element = type->expectRef<c10::ListType>().getElementType();
      if (element->kind() == K::OptionalType) return ArgKind::OptionalTensorList;
      switch (element->kind()) {
        case K::TensorType: return ArgKind::TensorList;
        case K::NumberType: return ArgKind::ScalarList;
        case K::IntType: return ArgKind::IntList;
        case K::FloatType: return ArgKind::FloatList;
        case K::BoolType: return ArgKind::BoolList;
        default: return ArgKind::Unsupported;
      }
    }
    // The dispatcher takes ScalarType, Layout and MemoryFormat as ints.
    default: return std::string(type->str()) == "ScalarType" || type->str() == "Layout" || type->str() == "MemoryFormat"
                        ? ArgKind::Int
                        : ArgKind::Unsupported;
  }
}

Op describeOp(c10::OperatorHandle handle) {
  Op op(handle);
  const auto& schema = handle.schema();
  op.name = schema.name() + (schema.overload_name().empty() ? "" : "." + schema.overload_name());
  for (const auto& argument : schema.arguments()) {
    auto type = argument.type();
    const bool optional = type->kind() == c10::TypeKind::OptionalType;
    if (optional) type = type->expectRef<c10::OptionalType>().getElementType();
    const auto fallback = argument.default_value();
    op.arguments.push_back({kindOf(type), optional, fallback.has_value(), fallback.has_value() ? *fallback : c10::IValue(), argument.name()});
  }
  for (const auto& result : schema.returns()) op.returnsArgument.push_back(result.alias_info() && result.alias_info()->isWrite());
  return op;
}

double numberOf(Call& call, napi_value value) {
  double number;
  if (napi_get_value_double(call.env, value, &number) != napi_ok) throw std::invalid_argument("expected a number");
  return number;
}

int64_t integerOf(Call& call, napi_value value) {
  const double number = numberOf(call, value);
  if (!isInteger(number))
    throw std::invalid_argument("expected an integer, got " + std::to_string(number));
  return static_cast<int64_t>(number);
}

/** A whole number is an int64 scalar, as in Python; any other a double. */
at::Scalar scalarOf(Call& call, napi_value value) {
  bool flag;
  if (napi_get_value_bool(call.env, value, &flag) == napi_ok) return at::Scalar(flag);
  const double number = numberOf(call, value);
  const bool whole = number == std::floor(number) && std::abs(number) < 9007199254740992.0 && !(number == 0 && std::signbit(number));
  return whole ? at::Scalar(static_cast<int64_t>(number)) : at::Scalar(number);
}

template <typename Element, typename F>
c10::List<Element> listOf(Call& call, napi_value value, F&& convert) {
  uint32_t length = 0;
  if (napi_get_array_length(call.env, value, &length) != napi_ok) throw std::invalid_argument("expected an array");
  c10::List<Element> list;
  list.reserve(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    check(call.env, napi_get_element(call.env, value, i, &element));
    list.push_back(convert(element));
  }
  return list;
}

c10::IValue optionalTensorList(Call& call, napi_value value) {
  uint32_t length = 0;
  if (napi_get_array_length(call.env, value, &length) != napi_ok) throw std::invalid_argument("expected an array");
  c10::List<c10::optional<at::Tensor>> list;
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    check(call.env, napi_get_element(call.env, value, i, &element));
    napi_valuetype type;
    napi_typeof(call.env, element, &type);
    if (type == napi_null || type == napi_undefined) list.push_back(c10::nullopt);
    else list.push_back(call.addon.tensors.get(numberOf(call, element)));
  }
  return list;
}

c10::IValue convert(Call& call, const Op::Argument& argument, napi_value value) {
  const auto tensor = [&](napi_value v) { return call.addon.tensors.get(numberOf(call, v)); };
  switch (argument.kind) {
    case ArgKind::Tensor: return tensor(value);
    case ArgKind::TensorList: return listOf<at::Tensor>(call, value, tensor);
    case ArgKind::OptionalTensorList: return optionalTensorList(call, value);
    case ArgKind::Scalar: return scalarOf(call, value);
    case ArgKind::ScalarList: {
      // Scalars travel as a generic list: a List<Scalar> holds IValues of either number type.
      c10::impl::GenericList list(c10::NumberType::get());
      const auto values = listOf<double>(call, value, [&](napi_value v) { return numberOf(call, v); });
      for (size_t i = 0; i < values.size(); ++i) list.push_back(c10::IValue(static_cast<double>(values.get(i))));
      return list;
    }
    case ArgKind::Int: return integerOf(call, value);
    case ArgKind::IntList: {
      int64_t single;  // the schema's int[2] takes one number for all
      napi_valuetype type;
      napi_typeof(call.env, value, &type);
      if (type == napi_number) return c10::List<int64_t>({single = integerOf(call, value)});
      return listOf<int64_t>(call, value, [&](napi_value v) { return integerOf(call, v); });
    }
    case ArgKind::Float: return numberOf(call, value);
    case ArgKind::FloatList: return listOf<double>(call, value, [&](napi_value v) { return numberOf(call, v); });
    case ArgKind::Bool: {
      bool flag;
      if (napi_get_value_bool(call.env, value, &flag) != napi_ok) throw std::invalid_argument("expected a boolean");
      return flag;
    }
    case ArgKind::BoolList: return listOf<bool>(call, value, [&](napi_value v) {
      bool flag = false;
      if (napi_get_value_bool(call.env, v, &flag) != napi_ok) throw std::invalid_argument("expected an array of booleans");
      return flag;
    });
    case ArgKind::String: return readString(call.env, value);
    case ArgKind::Device: return c10::Device(readString(call.env, value));
    case ArgKind::Generator: {
      const auto id = static_cast<size_t>(integerOf(call, value));
      if (id >= call.addon.generators.size()) throw std::invalid_argument("no such generator");
      return call.addon.generators[id];
    }
    default: throw std::invalid_argument("the addon cannot pass this kind of argument");
  }
}

void pushArgument(Call& call, const Op::Argument& argument, napi_value value) {
  napi_valuetype type = napi_undefined;
  if (value) napi_typeof(call.env, value, &type);
  auto& stack = call.addon.stack;
  if (type == napi_undefined) {
    if (argument.hasDefault) stack.push_back(argument.fallback);
    else if (argument.optional) stack.emplace_back();
    else throw std::invalid_argument("argument '" + argument.name + "' is missing");
  } else if (type == napi_null) {
    if (!argument.optional && argument.kind != ArgKind::Tensor) throw std::invalid_argument("argument '" + argument.name + "' cannot be null");
    stack.emplace_back();
  } else {
    try {
      stack.push_back(convert(call, argument, value));
    } catch (const std::invalid_argument& e) {
      throw std::invalid_argument("argument '" + argument.name + "': " + e.what());
    }
  }
}

napi_value toValue(Addon& addon, c10::IValue& value) {
  napi_value out;
  if (value.isTensor()) return toHandle(addon, std::move(value).toTensor());
  if (value.isTensorList()) return toHandles(addon, value.toTensorVector());
  if (value.isInt()) return toNumber(addon.env, static_cast<double>(value.toInt()));
  if (value.isDouble()) return toNumber(addon.env, value.toDouble());
  if (value.isBool()) return toBool(addon.env, value.toBool());
  if (value.isScalar()) return toNumber(addon.env, value.toScalar().toDouble());
  check(addon.env, napi_get_null(addon.env, &out));
  return out;
}

napi_value results(Addon& addon, const Op& op) {
  auto& stack = addon.stack;
  if (stack.size() == 1) return op.returnsArgument[0] ? nullptr : toValue(addon, stack[0]);
  if (stack.empty()) return nullptr;
  napi_value out;
  check(addon.env, napi_create_array_with_length(addon.env, stack.size(), &out));
  for (size_t i = 0; i < stack.size(); ++i)
    check(addon.env, napi_set_element(addon.env, out, i, toValue(addon, stack[i])));
  return out;
}

/** "float32 [2, 3] cpu"; empty without a handle. */
std::string describeHandle(Call& call, napi_value value) {
  double handle;
  if (napi_get_value_double(call.env, value, &handle) != napi_ok) return "";
  return call.addon.tensors.alive(handle) ? describe(call.addon.tensors.get(handle)) : "disposed";
}

/** The first tensors only: an optimizer's lists are long. */
std::string describeList(Call& call, napi_value value) {
  constexpr uint32_t kShown = 4;
  uint32_t length = 0;
  if (napi_get_array_length(call.env, value, &length) != napi_ok) return "";
  std::string text = "[";
  for (uint32_t i = 0; i < std::min(length, kShown); ++i) {
    napi_value element;
    check(call.env, napi_get_element(call.env, value, i, &element));
    const std::string part = describeHandle(call, element);
    text += (i ? ", " : "") + (part.empty() ? "none" : part);
  }
  return text + (length > kShown ? ", and " + std::to_string(length - kShown) + " more]" : "]");
}

std::string contextOf(Call& call, const Op& op) {
  std::string text = op.name + "(";
  for (size_t i = 0; i < op.arguments.size() && i + 1 < call.count; ++i) {
    const ArgKind kind = op.arguments[i].kind;
    std::string part;
    if (kind == ArgKind::Tensor) part = describeHandle(call, call[i + 1]);
    else if (kind == ArgKind::TensorList || kind == ArgKind::OptionalTensorList) part = describeList(call, call[i + 1]);
    if (part.empty()) continue;
    if (text.back() != '(') text += ", ";
    text += op.arguments[i].name + ": " + part;
  }
  return text + ")";
}

/** call(op, ...arguments in schema order): undefined = the schema's default, null = None. */
napi_value callOp(Call& call) {
  const auto at = static_cast<size_t>(call.number(0));
  Addon& addon = call.addon;
  if (at >= addon.ops.size()) throw std::invalid_argument("no such op");
  Op& op = addon.ops[at];
  addon.stack.clear();
  try {
    if (call.count > op.arguments.size() + 1) throw std::invalid_argument("too many arguments");
    for (size_t i = 0; i < op.arguments.size(); ++i) pushArgument(call, op.arguments[i], call[i + 1]);
    op.handle.callBoxed(&addon.stack);
    const napi_value out = results(addon, op);
    addon.stack.clear();
    return out;
  } catch (...) {
    addon.stack.clear();
    throwCurrent(addon, contextOf(call, op));
    return nullptr;
  }
}

/** findOp("aten::add", "Tensor") -> number for call(), or -1 where libtorch lacks it. */
napi_value findOp(Call& call) {
  const auto handle = c10::Dispatcher::singleton().findSchema({call.string(0), call.string(1)});
  if (!handle.has_value()) return toNumber(call.env, -1);
  call.addon.ops.push_back(describeOp(*handle));
  return toNumber(call.env, static_cast<double>(call.addon.ops.size() - 1));
}

napi_value schema(Call& call) {
  const auto handle = c10::Dispatcher::singleton().findSchema({call.string(0), call.string(1)});
  if (!handle.has_value()) return nullptr;
  std::ostringstream text;
  text << handle->schema();
  return toString(call.env, text.str());
}

napi_value setErrorTypes(Call& call) {
  check(call.env, napi_create_reference(call.env, call[0], 1, &call.addon.torchError));
  check(call.env, napi_create_reference(call.env, call[1], 1, &call.addon.disposedError));
  return nullptr;
}

}  // namespace

std::vector<Export> dispatchExports() {
  return {{"call", callOp}, {"findOp", findOp}, {"schema", schema}, {"setErrorTypes", setErrorTypes}};
}

}  // namespace couplet
