use crate::proto::weir::context::v1::Sensitivity as Wire;

/// How sensitive a value is, from low to high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sensitivity {
    /// Anybody may know it.
    Public,
    /// Members of the tenant may know it.
    Internal,
    /// Those who need it may know it.
    Confidential,
    /// Named persons may know it.
    Restricted,
}

impl Sensitivity {
    /// The name, such as `internal`.
    pub fn name(self) -> &'static str {
        match self {
            Sensitivity::Public => "public",
            Sensitivity::Internal => "internal",
            Sensitivity::Confidential => "confidential",
            Sensitivity::Restricted => "restricted",
        }
    }

    /// The number on the wire; 0, not stated, for none.
    pub(crate) fn to_wire(sensitivity: Option<Sensitivity>) -> i32 {
        let wire = match sensitivity {
            None => Wire::Unspecified,
            Some(Sensitivity::Public) => Wire::Public,
            Some(Sensitivity::Internal) => Wire::Internal,
            Some(Sensitivity::Confidential) => Wire::Confidential,
            Some(Sensitivity::Restricted) => Wire::Restricted,
        };
        wire as i32
    }

    /// `None`: not stated.
    pub(crate) fn from_wire(number: i32) -> Option<Sensitivity> {
        match Wire::from_i32(number)? {
            Wire::Unspecified => None,
            Wire::Public => Some(Sensitivity::Public),
            Wire::Internal => Some(Sensitivity::Internal),
            Wire::Confidential => Some(Sensitivity::Confidential),
            Wire::Restricted => Some(Sensitivity::Restricted),
        }
    }
}

impl std::fmt::Display for Sensitivity {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(self.name())
    }
}
