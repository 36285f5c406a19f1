//! A shared, immutable array of numbers that may live in a received message.

use std::{fmt, marker::PhantomData, ops::Deref};

use bytemuck::{AnyBitPattern, NoUninit};
use bytes::Bytes;

/// A shared, immutable slice of `T`; cloning it copies no elements.
///
/// It either owns a vector or is a window into a received message. The bytes are
/// little-endian, as on the wire, and always aligned for `T`.
pub struct Samples<T> {
    bytes: Bytes,
    element: PhantomData<T>,
}

/// Lets `Bytes` own a vector of any plain type.
struct Owner<T>(Vec<T>);

impl<T: NoUninit> AsRef<[u8]> for Owner<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

#[cfg(target_endian = "big")]
compile_error!("synthcap reads little-endian pixels in place and needs a little-endian machine");

impl<T: NoUninit + AnyBitPattern + Send> Samples<T> {
    /// Wraps received bytes. They are copied only when they happen to lie at an
    /// address that does not suit `T`. `None` when the length is no multiple of
    /// the element size.
    pub fn from_bytes(bytes: Bytes) -> Option<Self> {
        if !bytes.len().is_multiple_of(size_of::<T>()) {
            return None;
        }
        if bytes.as_ptr().cast::<T>().is_aligned() {
            return Some(Self::trusted(bytes));
        }
        let elements: Vec<T> = bytemuck::pod_collect_to_vec(&bytes);
        Some(Self::trusted(Bytes::from_owner(Owner(elements))))
    }

    /// The bytes, little-endian; nothing is copied.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    fn trusted(bytes: Bytes) -> Self {
        Self {
            bytes,
            element: PhantomData,
        }
    }
}

impl<T: NoUninit + AnyBitPattern + Send> From<Vec<T>> for Samples<T> {
    fn from(elements: Vec<T>) -> Self {
        Self::trusted(Bytes::from_owner(Owner(elements)))
    }
}

impl<T: AnyBitPattern> Deref for Samples<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        bytemuck::cast_slice(&self.bytes)
    }
}

impl<T> Clone for Samples<T> {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            element: PhantomData,
        }
    }
}

impl<T: AnyBitPattern + PartialEq> PartialEq for Samples<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T> fmt::Debug for Samples<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "[{}; {}]",
            std::any::type_name::<T>(),
            self.bytes.len() / size_of::<T>()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_same_numbers_from_any_address() {
        let numbers: Vec<f32> = (0..5).map(|n| n as f32 * 1.5).collect();
        for shift in 0..4 {
            let mut padded = vec![0_u8; shift];
            padded.extend_from_slice(bytemuck::cast_slice(&numbers));
            let samples = Samples::<f32>::from_bytes(Bytes::from(padded).slice(shift..));
            assert_eq!(&*samples.expect("whole elements"), &numbers[..]);
        }
    }

    #[test]
    fn refuses_a_torn_element() {
        assert!(Samples::<f32>::from_bytes(Bytes::from_static(&[0; 7])).is_none());
        assert!(Samples::<f32>::from_bytes(Bytes::new()).is_some_and(|s| s.is_empty()));
    }

    #[test]
    fn a_vector_becomes_bytes_without_a_copy() {
        let numbers = vec![7_u32; 9];
        let address = numbers.as_ptr().cast::<u8>();
        let bytes = Samples::from(numbers).into_bytes();
        assert_eq!(bytes.as_ptr(), address);
    }
}
