"""The names of Vulkan's devices.

Run as a script, this module prints them as JSON. To find the devices, Vulkan loads every driver into the process, so a
process that must not have the drivers runs the script.
"""

from __future__ import annotations

import ctypes
import json
from typing import List

_LOADER = "libvulkan.so.1"
_INSTANCE_CREATE_INFO = 1  # VkStructureType
_CPU = 4  # VkPhysicalDeviceType of a driver that computes on the processor
_PROPERTIES_BYTES = 2048  # more than the 824 of VkPhysicalDeviceProperties


class _InstanceCreateInfo(ctypes.Structure):
    _fields_ = [
        ("sType", ctypes.c_int32),
        ("pNext", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("pApplicationInfo", ctypes.c_void_p),
        ("enabledLayerCount", ctypes.c_uint32),
        ("ppEnabledLayerNames", ctypes.c_void_p),
        ("enabledExtensionCount", ctypes.c_uint32),
        ("ppEnabledExtensionNames", ctypes.c_void_p),
    ]


class _PropertiesHead(ctypes.Structure):
    _fields_ = [
        ("apiVersion", ctypes.c_uint32),
        ("driverVersion", ctypes.c_uint32),
        ("vendorID", ctypes.c_uint32),
        ("deviceID", ctypes.c_uint32),
        ("deviceType", ctypes.c_int32),
        ("deviceName", ctypes.c_char * 256),
    ]


def has_loader() -> bool:
    """Return True if Vulkan's loader is installed. Without it there is no device."""
    try:
        ctypes.CDLL(_LOADER)
    except OSError:
        return False
    return True


def devices() -> List[str]:
    """Return the names of the devices, with ``(software)`` after those that compute on the processor."""
    if not has_loader():
        return []
    vulkan = ctypes.CDLL(_LOADER)
    instance = ctypes.c_void_p()
    asked = _InstanceCreateInfo(sType=_INSTANCE_CREATE_INFO)
    if vulkan.vkCreateInstance(ctypes.byref(asked), None, ctypes.byref(instance)):
        return []  # there is no driver
    count = ctypes.c_uint32()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    handles = (ctypes.c_void_p * count.value)()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
    names = []
    for handle in handles[: count.value]:
        buffer = ctypes.create_string_buffer(_PROPERTIES_BYTES)
        vulkan.vkGetPhysicalDeviceProperties(ctypes.c_void_p(handle), buffer)
        head = _PropertiesHead.from_buffer(buffer)
        names.append(head.deviceName.decode() + (" (software)" if head.deviceType == _CPU else ""))
    vulkan.vkDestroyInstance(instance, None)
    return names


if __name__ == "__main__":
    print(json.dumps(devices()))
