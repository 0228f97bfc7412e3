AsyncApiStandalone.render(
  { schema: { url: '/asyncapi.json' }, config: { show: { sidebar: true }, sidebar: { showOperations: 'byDefault' } } },
  document.getElementById('reference'),
);
