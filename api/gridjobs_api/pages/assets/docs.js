const options = {
  nativeScrollbars: true,
  hideDownloadButton: false,
  jsonSampleExpandLevel: 3,
  schemaExpansionLevel: 1,
  theme: {
    typography: { fontFamily: 'system-ui, sans-serif', headings: { fontFamily: 'system-ui, sans-serif' } },
    colors: { primary: { main: '#0b5c66' } },
  },
};
Redoc.init('/openapi.json', options, document.getElementById('reference'));
